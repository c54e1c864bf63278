# Records and the plain values that stand for them -> DER, written backwards. A value that does not fit is not explained
# here: the reference engine encodes it again and says why.
#
# A dict or list is the caller's, and encoding what it holds may run code that changes it (a time zone, a str that hashes
# itself, another thread meanwhile). So whoever takes something out of one holds a reference until it is written.

cdef enum:
    MAX_PARTS = 32      # components or alternatives; the schema compiler sees to it

cdef extern from "Python.h":
    bint PyDict_CheckExact(PyObject* value) noexcept
    bint PyList_CheckExact(PyObject* value) noexcept
    bint PyList_Check(PyObject* value) noexcept
    bint PyTuple_CheckExact(PyObject* value) noexcept
    bint PyTuple_Check(PyObject* value) noexcept
    bint PyUnicode_CheckExact(PyObject* value) noexcept
    Py_ssize_t PyDict_Size(PyObject* values) noexcept
    bint PyDict_Next(PyObject* values, Py_ssize_t* at, PyObject** key, PyObject** value) noexcept
    int PyUnicode_Compare(PyObject* one, PyObject* other) except? -1
    Py_ssize_t _size "PySequence_Fast_GET_SIZE"(PyObject* values) noexcept
    PyObject** _items "PySequence_Fast_ITEMS"(PyObject* values) noexcept
    void _hold "Py_INCREF"(PyObject* value) noexcept


cdef int _put_part(Buffer* b, const CPart* part, PyObject* value, int level) except -1:
    # A value with the tags of its place.
    cdef size_t end = _written(b)
    cdef const COp* op = part.op
    cdef int verdict
    if op.cls == NULL:
        verdict = _put_leaf(b, op, <object>value)
        if verdict == FINE:
            verdict = _put_header(b, part.tag, _written(b) - end)
    else:
        verdict = _put_record(b, op, value, level)
        if verdict == FINE and part.tag != op.tag:
            b.at[0] = part.tag
    if verdict != FINE or not part.outer:
        return verdict
    return _put_header(b, part.outer, _written(b) - end)


cdef inline int _put_record(Buffer* b, const COp* op, PyObject* value, int level) except -1:
    # A finished record of that type, or the dict or list that stands for one.
    if op.kind == SEQUENCE or op.kind == CHOICE:
        if PyDict_CheckExact(value):
            return _put_named(b, op, value, level + 1) if level < MAX_PLAIN_LEVELS else UNFIT
    elif op.kind == SEQUENCE_OF or op.kind == SET_OF:
        if PyList_Check(value) or PyTuple_Check(value):
            return _put_listed(b, op, value, level + 1) if level < MAX_PLAIN_LEVELS else UNFIT
    return _put_finished(b, <View>value) if PyObject_TypeCheck(<object>value, <PyTypeObject*>op.cls) else UNFIT


cdef int _put_finished(Buffer* b, View record) except -1:
    cdef bytes der = record.raw if record.raw is not None else record._der()
    return _put(b, PyBytes_AS_STRING(der), PyBytes_GET_SIZE(der)) if der is not None else UNFIT


cdef int _put_open(Buffer* b, const CPart* part, PyObject* value, object oid, int level) except -1:
    # A value whose type another component names.
    cdef size_t end = _written(b)
    cdef COp* op
    cdef int verdict
    if not PyUnicode_Check(oid):
        return UNFIT
    op = _named_by(part, oid)
    if op != NULL and type(<object>value) is not <object>part.op.cls:
        verdict = _put_part(b, &op.root, value, level)
    elif isinstance(<object>value, View):
        verdict = _put_finished(b, <View>value)
    else:
        verdict = UNFIT
    if verdict != FINE or not part.outer:
        return verdict
    return _put_header(b, part.outer, _written(b) - end)


cdef bint _is_default(const Buffer* b, const CPart* part, size_t before) noexcept:
    # Whether what was put in front of the last `before` octets is the DEFAULT of its place.
    cdef const uint8_t* octets = b.at
    cdef uint32_t content, stop, size = <uint32_t>(_written(b) - before)
    if _header(octets, 0, size, &content, &stop) != FINE:
        return False
    if part.outer and _header(octets, content, size, &content, &stop) != FINE:
        return False
    return size - content == <uint32_t>part.default_size and memcmp(octets + content, part.default_content, size - content) == 0


cdef int _put_sequence(Buffer* b, const COp* op, PyObject** values, uint32_t present, int level) except -1:
    # From the components, values[k] if bit k of `present` is set.
    cdef int k = op.size, verdict
    cdef size_t end, after = _written(b)
    cdef const CPart* part
    if op.needed & ~present:
        return UNFIT
    while k:
        k -= 1
        if not present >> k & 1:
            continue
        part = &op.parts[k]
        end = _written(b)
        if part.opens != NULL:
            verdict = _put_open(b, part, values[k], <object>values[part.by], level) if present >> part.by & 1 else UNFIT
        else:
            verdict = _put_part(b, part, values[k], level)
        if verdict != FINE:
            return verdict
        if part.default_size >= 0 and _is_default(b, part, end):
            b.at = b.end - end      # DER leaves it out
    return _put_header(b, op.tag, _written(b) - after)


cdef int _put_components(Buffer* b, const COp* op, PyObject** values, uint32_t present, int level) except -1:
    # A SEQUENCE, or a CHOICE if there is exactly one.
    cdef int k
    if op.kind == SEQUENCE:
        return _put_sequence(b, op, values, present, level)
    if present == 0 or present & (present - 1):
        return UNFIT
    k = _ones(present - 1)
    return _put_part(b, &op.parts[k], values[k], level)


cdef int _number_of(const COp* op, PyObject* name, int after) except -1:
    # Number of the component of that name, MAX_PARTS if there is none; the search begins behind the last one found.
    cdef int k = after, tries
    for tries in range(op.size):
        k = k + 1 if k + 1 < op.size else 0
        if op.parts[k].name == name:
            return k
    if PyUnicode_CheckExact(name):      # not interned: made at run time
        for k in range(op.size):
            if PyUnicode_Compare(op.parts[k].name, name) == 0:
                return k
    return MAX_PARTS


cdef int _put_named(Buffer* b, const COp* op, PyObject* components, int level) except -1:
    # A SEQUENCE or CHOICE from a dict of its components.
    cdef PyObject* values[MAX_PARTS]
    cdef PyObject* name
    cdef PyObject* value
    cdef PyObject* held[MAX_PARTS]
    cdef Py_ssize_t at = 0, n = PyDict_Size(components)
    cdef uint32_t present = 0
    cdef int k = -1, i
    if n > op.size:
        return UNFIT
    for i in range(n):
        if not PyDict_Next(components, &at, &name, &value):
            return UNFIT
        k = _number_of(op, name, k)         # which runs no code of others
        if k == MAX_PARTS:
            return UNFIT
        if value != <PyObject*>None:
            present |= <uint32_t>1 << k
        values[k] = held[i] = value
    for i in range(n):
        _hold(held[i])
    try:
        return _put_components(b, op, values, present, level)
    finally:
        for i in range(n):
            Py_XDECREF(held[i])


cdef int _put_listed(Buffer* b, const COp* op, PyObject* elements, int level) except -1:
    # A SEQUENCE OF or SET OF from a list or tuple.
    cdef PyObject* values[MAX_PARTS]
    cdef Py_ssize_t k, n
    cdef tuple kept
    if PyTuple_CheckExact(elements):
        return _put_repeated(b, op, _items(elements), _size(elements), level)
    if not PyList_CheckExact(elements) or _size(elements) > MAX_PARTS:
        kept = tuple(<object>elements)
        return _put_repeated(b, op, _items(<PyObject*>kept), _size(<PyObject*>kept), level)
    n = _size(elements)
    for k in range(n):
        values[k] = _items(elements)[k]
        _hold(values[k])
    try:
        return _put_repeated(b, op, values, n, level)
    finally:
        for k in range(n):
            Py_XDECREF(values[k])


cdef int _put_repeated(Buffer* b, const COp* op, PyObject** elements, Py_ssize_t n, int level) except -1:
    cdef size_t after = _written(b)
    cdef Py_ssize_t k = n
    cdef int verdict
    if _check_size(op, n) != FINE:
        return UNFIT
    while k:
        k -= 1
        verdict = _put_part(b, &op.parts[0], elements[k], level)
        if verdict != FINE:
            return verdict
    if op.kind == SET_OF and n > 1:
        verdict = _put_in_order(b, _written(b) - after, n)
        if verdict != FINE:
            return verdict
    return _put_header(b, op.tag, _written(b) - after)


cdef struct Element:
    const uint8_t* octets
    size_t size


cdef int _compared(const void* one, const void* other) noexcept nogil:
    # As Python compares bytes.
    cdef const Element* a = <const Element*>one
    cdef const Element* b = <const Element*>other
    cdef int order = memcmp(a.octets, b.octets, min(a.size, b.size))
    return order if order else (a.size > b.size) - (a.size < b.size)


cdef int _put_in_order(Buffer* b, size_t size, size_t n) except -1:
    # Sort the n elements that are the first `size` octets (X.690, 11.6).
    cdef Element* elements
    cdef uint8_t* octets
    cdef uint8_t* at = b.at
    cdef uint32_t content, start, stop = 0
    cdef size_t k
    if size > MAX_INPUT:
        return UNFIT
    elements = <Element*>malloc(n * sizeof(Element) + size)
    if elements == NULL:
        raise MemoryError
    octets = <uint8_t*>&elements[n]
    memcpy(octets, b.at, size)
    for k in range(n):
        start = stop
        _any_header(octets, start, <uint32_t>size, &content, &stop)     # of what was just written: it is right
        elements[k].octets = octets + start
        elements[k].size = stop - start
    qsort(elements, n, sizeof(Element), _compared)
    for k in range(n):
        memcpy(at, elements[k].octets, elements[k].size)
        at += elements[k].size
    free(elements)
    return FINE


cdef bytes _encoded(COp* op, PyObject** values, uint32_t present, PyObject* one):
    # The DER of a new record, from the components of a SEQUENCE or CHOICE, or from the one thing that it is made of;
    # None if a value does not fit, which the reference engine has to explain.
    cdef Buffer b
    cdef int verdict = UNFIT
    _open_buffer(&b)
    try:
        if values != NULL:
            verdict = _put_components(&b, op, values, present, 0)
        elif op.kind == ANY:
            if PyBytes_CheckExact(<object>one):
                verdict = _put_any(&b, op, <bytes>one)
        elif op.kind == NULL_:
            verdict = _put_header(&b, op.tag, 0)
        else:
            verdict = _put_record(&b, op, one, 0)
        return PyBytes_FromStringAndSize(<char*>b.at, _written(&b)) if verdict == FINE else None
    finally:
        _close_buffer(&b)


cdef bytes _construct(COp* op, PyObject** args, Py_ssize_t count, PyObject* names):
    # The DER of a new record, from the arguments of its constructor as a vectorcall has them.
    cdef PyObject* values[MAX_PARTS]
    cdef Py_ssize_t i, named = 0 if names == NULL else PyTuple_GET_SIZE(<object>names)
    cdef uint32_t present = 0
    cdef int k = -1
    cdef bytes der = None
    cdef object one = None
    if op.kind == SEQUENCE or op.kind == CHOICE:
        if count == 0:
            for i in range(named):
                k = _number_of(op, PyTuple_GET_ITEM(<object>names, i), k)
                if k == MAX_PARTS or present >> k & 1:
                    break
                if args[i] != <PyObject*>None:
                    values[k] = args[i]
                    present |= <uint32_t>1 << k
            else:
                der = _encoded(op, values, present, NULL)
    elif named == 0 and count == (0 if op.kind == NULL_ else 1):
        if count:
            one = <object>args[0]
        if op.kind != SEQUENCE_OF and op.kind != SET_OF:
            der = _encoded(op, NULL, 0, <PyObject*>one)
        elif not isinstance(one, (str, bytes)):
            one = tuple(one)        # ours: an iterator can be read only once, and nobody else may change a list
            der = _encoded(op, NULL, 0, <PyObject*>one)
    if der is not None:
        return der
    positional = [<object>args[i] for i in range(count)] if one is None else [one]
    components = {<object>PyTuple_GET_ITEM(<object>names, i): <object>args[count + i] for i in range(named)}
    pyop = <object>op.op
    return _encoding.encode(pyop, _explained.arguments(pyop, tuple(positional), components))


cdef object _called "cmpcodec_called"(PyObject* cls, PyObject** args, size_t count, PyObject* names):
    # A new record, from the arguments of its constructor.
    cdef bytes raw = _construct(_native(<object>cls), args, count, names)
    cdef View view = _new(<object>cls, View, ())
    view.raw = raw
    return view


cdef object _from_plain(object cls, object plain):
    # What cls(**plain) or cls(plain) makes, from plain values.
    cdef COp* op = _native(cls)
    cdef View view
    cdef bytes der = None
    cdef bint named = op.kind == SEQUENCE or op.kind == CHOICE
    if type(plain) is dict if named else op.kind < CHOICE and isinstance(plain, (list, tuple)):
        der = _encoded(op, NULL, 0, <PyObject*>plain)
    if der is None:
        return cls(**plain) if isinstance(plain, dict) else cls(plain)
    view = _new(cls, View, ())
    view.raw = der
    return view


cdef int _put_any(Buffer* b, COp* op, bytes der) except -1:
    cdef Growth g
    cdef int verdict
    if PyBytes_GET_SIZE(der) > MAX_INPUT:
        return UNFIT
    _limit(&g, UNLIMITED, ())
    g.data = <const uint8_t*>PyBytes_AS_STRING(der)
    g.size = PyBytes_GET_SIZE(der)
    verdict = _grow(&g, &op.root, 0, <uint32_t>PyBytes_GET_SIZE(der), 0, 0)
    _release(&g)
    if verdict != FINE:
        return UNFIT
    return _put(b, PyBytes_AS_STRING(der), PyBytes_GET_SIZE(der))
