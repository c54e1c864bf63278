# What a view shows: the values of its places, opened where an OBJECT IDENTIFIER tells the type.

cdef inline object _value(View owner, const Node* node):
    # A record or plain value for a node of the same source.
    cdef COp* op = OPS[node.op]
    cdef View view
    cdef uint32_t content
    if op.cls == NULL:
        content = node.start + node.header
        if SANITIZED:
            return _read_fenced(op, owner.source, content, node.end)
        return op.read(op, owner.source.octets + content, node.end - content)
    view = _new(<object>op.cls, View, ())
    view.source = owner.source
    view.node = <Node*>node
    return view


cdef object _read_fenced(COp* op, Source source, uint32_t content, uint32_t end):
    # Read a value while all behind it is out of reach.
    cdef size_t behind = PyBytes_GET_SIZE(source.data) + 1 - end
    _fence(source.octets + end, behind)
    try:
        return op.read(op, source.octets + content, end - content)
    finally:
        _open(source.octets + end, behind)


cdef object _opened(View owner, const Node* node, const CPart* place, object oid):
    # The value of an open type: as the type that its OID names if it conforms, as a TLV if not.
    cdef Growth g
    cdef COp* op = _named_by(place, oid)
    cdef int verdict
    if op == NULL:
        return _value(owner, node)
    g.data = owner.source.octets
    g.size = PyBytes_GET_SIZE(owner.source.data)
    g.bounds = owner.source.bounds
    verdict = _grow(&g, &op.root, node.start, node.end, node.depth - 1, node.nest)
    try:
        if verdict == NO_MEMORY:
            raise MemoryError
        if verdict == FINE:     # the one node of a plain value is needed no longer than it takes to read it
            node = g.nodes if op.cls == NULL else _moved(owner.source, &g)
        return _value(owner, node)
    finally:
        _release(&g)


@cython.final
cdef class Field:
    """Attribute of a SEQUENCE (a component) or of a CHOICE (an alternative)."""

    cdef readonly object name
    cdef readonly uint32_t number
    cdef readonly bint choice

    def __init__(self, name, number, choice):
        self.name = name
        self.number = number
        self.choice = choice

    def __get__(self, view, owner):
        return self if view is None else _component(<PyObject*>self, <PyObject*><View?>view)


_field_type = <PyTypeObject*>Field


cdef object _component "cmpcodec_read"(PyObject* descriptor, PyObject* view):
    # The value that a Field has in a record.
    cdef Field field = <Field>descriptor
    cdef View record = <View>view
    cdef Node* node = record._look()
    cdef COp* op = OPS[node.op]
    cdef uint32_t number = field.number
    if field.choice:
        if op.kind != CHOICE:
            raise TypeError("not a CHOICE")
        return record._kept(node, op, 0, 1) if node.count == number else None
    if op.kind != SEQUENCE or number >= op.size:
        raise TypeError("not a component of this record")
    return record._kept(node, op, number, op.size)


def children(view):
    """The present components of a record in the order of the bytes; none for TLV and NULL.

    Offsets count from the start of the bytes that the outermost record was decoded from; explicit tags are included.
    """
    cdef View record = <View?>view
    cdef Node* node = record._look()
    cdef Node* child
    cdef COp* op = OPS[node.op]
    cdef CPart* part
    cdef uint32_t place, total
    cdef list found = []
    if op.kind > CHOICE:
        return ()
    child = node + node.child
    total = op.size if op.kind == SEQUENCE else 1 if op.kind == CHOICE else node.count
    for place in range(total):
        if op.kind == SEQUENCE:
            if not node.count >> place & 1:
                continue
            part = &op.parts[place]
        else:
            part = &op.parts[node.count if op.kind == CHOICE else 0]
        start = child.start
        if part.outer:
            start -= 1 + len(_encoding.length_octets(child.end - child.start))
        name = None if op.kind == SEQUENCE_OF or op.kind == SET_OF else <object>part.name
        found.append(Child(name, record._kept(node, op, place, total), start, child.end))
        child += 1
    return tuple(found)
