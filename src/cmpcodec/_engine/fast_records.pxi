# View and Field: a record is its DER, seen through its op.

cdef object LENIENCIES = _values.LENIENCIES
cdef object restore = _explained.restore
cdef object checked_input = _explained.checked_input
cdef object _disagreement = "the compiled engine refuses what the reference engine accepts; this is a bug, please report it"


@cython.final
@cython.no_gc
cdef class Source:
    # Checked nodes and the bytes that they point into.
    cdef bytes data
    cdef object limits
    cdef object allow
    cdef Node* nodes
    cdef uint32_t count

    def __dealloc__(self):
        PyMem_Free(self.nodes)


cdef Source _source(Growth* g, bytes data, object limits, object allow):
    # Takes over the nodes of a Growth.
    cdef Source source = Source.__new__(Source)
    if g.nodes == g.local:
        source.nodes = <Node*>PyMem_Malloc(g.count * sizeof(Node))
        if source.nodes == NULL:
            raise MemoryError
        memcpy(source.nodes, g.nodes, g.count * sizeof(Node))
    else:
        source.nodes = <Node*>PyMem_Realloc(g.nodes, g.count * sizeof(Node))
        if source.nodes == NULL:
            source.nodes = g.nodes
        g.nodes = g.local
    source.count = g.count
    source.data = data
    # These are for what the source opens later. A record made here is trusted, what it opens is not: nobody checked it.
    source.limits = DEFAULT_LIMITS if limits is UNLIMITED else limits
    source.allow = () if limits is UNLIMITED else allow
    return source


@cython.final
cdef class Explain:
    # Asks the reference engine what is wrong, when somebody reads the error.
    cdef object part
    cdef bytes data
    cdef object limits
    cdef object allow

    def __call__(self):
        found = _answers.why(self.part, self.data, self.limits, self.allow)
        return (self.part.name, _disagreement, 0) if found is None else found


cdef int _refuse(int verdict, COp* op, bytes data, object limits, object allow) except -1:
    cdef Explain explain
    if verdict == NO_MEMORY:
        raise MemoryError
    explain = Explain.__new__(Explain)
    explain.part = (<object>op.op).root
    explain.data = data
    explain.limits = limits
    explain.allow = allow
    raise (_LimitExceeded if verdict == LIMITED else _DecodeError).deferred(explain)


cdef Source _parse(COp* op, bytes data, object limits, object allow):
    # A checked record of the whole of data.
    cdef Growth g
    cdef int verdict = FINE
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
    _limit(&g, limits, allow)
    if size > MAX_INPUT or (size > DEFAULT_SIZE if limits is DEFAULT_LIMITS else size > limits.max_size):
        verdict = LIMITED
    else:
        g.data = <const uint8_t*>PyBytes_AS_STRING(data)
        verdict = _grow(&g, &op.root, 0, <uint32_t>size, 0, 0)
    if verdict != FINE:
        _release(&g)
        _refuse(verdict, op, data, limits, allow)
    try:
        return _source(&g, data, limits, allow)
    finally:
        _release(&g)


cdef enum:
    NEAR_PLACES = 4


@cython.no_gc
cdef class View:
    """Base of every record class."""

    cdef Source source          # None: made here and not looked into yet
    cdef bytes raw              # its DER, once somebody asked or if it was made here
    cdef uint32_t number        # of its node in the source
    cdef uint32_t places        # of values
    cdef PyObject** values      # those that were read, by place; NULL: none yet
    cdef PyObject* near[NEAR_PLACES]    # where the values of most records find room

    _op = None

    def __init__(self, *args, **components):
        if self.source is not None or self.raw is not None:
            raise TypeError(f"a {type(self).__name__} cannot change; use replace()")
        # Calling a record class goes by _called; this is for calls that Python makes by the older way.
        cdef list values = [*args, *components.values()]
        names = tuple([_intern(name) for name in components])
        self.raw = _construct(_native(type(self)), _items(values), len(args), <PyObject*>names)

    @classmethod
    def decode(cls, data, *, limits=DEFAULT_LIMITS, allow=()):
        """Decode strict DER: all of `data` has to be one value of this type.

        After it returns, reading attributes cannot fail. `limits` bound the cost, `allow` names leniencies (see
        docs/strictness.md). Raises DecodeError, or LimitExceeded where only a limit stands against the input.
        """
        cdef View view
        cdef COp* op = _native(cls)
        if allow or not PyBytes_CheckExact(data):
            data = checked_input(data, allow)
            allow = frozenset(allow)
        source = _parse(op, <bytes>data, limits, allow)
        view = _new(cls, View, ())
        view.source = source
        return view

    @property
    def der(self):
        """The exact DER of this record, with the tag of its type (not the IMPLICIT tag of the place it stood at)."""
        return self._der()

    @cython.final
    cdef bytes _der(self):
        cdef Node* node
        cdef const uint8_t* data
        cdef COp* op
        cdef bytes raw
        if self.raw is None:
            self._look()
            node = &self.source.nodes[self.number]
            data = <const uint8_t*>PyBytes_AS_STRING(self.source.data)
            op = OPS[node.op]
            if op.tag and data[node.start] != op.tag:
                raw = PyBytes_FromStringAndSize(<char*>data + node.start, node.end - node.start)
                (<uint8_t*>PyBytes_AS_STRING(raw))[0] = op.tag      # a new object, nobody saw it yet
                self.raw = raw
            elif node.start == 0 and node.end == <uint32_t>PyBytes_GET_SIZE(self.source.data):
                self.raw = self.source.data
            else:
                self.raw = PyBytes_FromStringAndSize(<char*>data + node.start, node.end - node.start)
        return self.raw

    @cython.final
    cdef Node* _look(self) except NULL:
        # The node of this view, which a record made here gets now.
        if self.source is None:
            if self.raw is None:
                raise TypeError(f"this {type(self).__name__} was never made; call its class")
            self.source = _parse(_native(type(self)), self.raw, UNLIMITED, LENIENCIES)
        return &self.source.nodes[self.number]

    @cython.final
    cdef object _kept(self, uint32_t place, uint32_t places):
        # The value at a place, made when first asked for.
        cdef PyObject* found
        if self.values == NULL:
            if places <= NEAR_PLACES:
                self.values = self.near
            else:
                self.values = <PyObject**>PyMem_Calloc(places, sizeof(PyObject*))
                if self.values == NULL:
                    raise MemoryError
            self.places = places
        found = self.values[place]
        if found != NULL:
            return <object>found
        value = self._made(place)
        if self.values[place] != NULL:      # making it ran Python code, which asked for the same value
            return <object>self.values[place]
        Py_INCREF(value)
        self.values[place] = <PyObject*>value
        return value

    @cython.final
    cdef object _made(self, uint32_t place):
        cdef Node* node = &self.source.nodes[self.number]
        cdef COp* op = OPS[node.op]
        cdef CPart* part
        cdef uint32_t before
        if op.kind != SEQUENCE:
            return _value(self.source, node.child + place)
        part = &op.parts[place]
        before = node.count & ((<uint32_t>1 << place) - 1)
        if not node.count >> place & 1:
            return <object>part.default
        place = node.child + _ones(before)
        if part.opens != NULL:
            return _opened(self.source, place, part, self._kept(part.by, op.size))
        return _value(self.source, place)

    def _choice(self):
        """Name and value of the alternative that a CHOICE holds."""
        cdef Node* node = self._look()
        cdef COp* op = OPS[node.op]
        if op.kind != CHOICE:
            raise TypeError("not a CHOICE")
        return <object>op.parts[node.count].name, self._kept(0, 1)

    def _raw(self):
        """First identifier octet and content octets of a TLV."""
        cdef Node* node = self._look()
        cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(self.source.data)
        cdef uint32_t content = node.start + node.header
        return (
            OPS[node.op].tag or data[node.start],
            PyBytes_FromStringAndSize(<char*>data + content, node.end - content),
        )

    def __eq__(self, other):
        if type(self) is not type(other):
            return NotImplemented
        return self is other or self._der() == (<View>other)._der()

    def __hash__(self):
        return hash(self._der())

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        return restore, (type(self), self._der())

    def __setattr__(self, name, value):
        raise AttributeError(f"a {type(self).__name__} cannot change; use replace()")

    def __delattr__(self, name):
        raise AttributeError(f"a {type(self).__name__} cannot change; use replace()")


# Making and dropping views is most of the cost of reading a message, so record classes get a way of their own.
# Python makes every class collectable; records cannot be part of a cycle (they hold bytes, plain values and views that
# were made after them and know nothing of them), so they leave the collector's care again: no header, no tracking.
# Dropped views wait for reuse. Sanitized builds keep none, so that a use after the end is found.

cdef extern from *:
    """
    #if defined(__SANITIZE_ADDRESS__)
    #define CMPCODEC_SPARE 0
    #else
    #define CMPCODEC_SPARE 256
    #endif
    static PyObject *cmpcodec_spare[CMPCODEC_SPARE + 1];
    static int cmpcodec_spares = 0;
    static void cmpcodec_emptied(PyObject *self);

    static void cmpcodec_dealloc(PyObject *self) {
        PyTypeObject *type = Py_TYPE(self);
        Py_SET_REFCNT(self, 1);             /* alive while it is emptied */
        cmpcodec_emptied(self);
        Py_SET_REFCNT(self, 0);
        if (type->tp_dealloc != cmpcodec_dealloc)
            type->tp_free(self);            /* of a class that was not adopted */
        else if (cmpcodec_spares < CMPCODEC_SPARE)
            cmpcodec_spare[cmpcodec_spares++] = self;
        else
            PyObject_Free(self);
        Py_DECREF(type);
    }

    static PyObject *cmpcodec_called(PyObject *cls, PyObject **args, size_t count, PyObject *names);

    /* What `cls(...)` does without packing the arguments into a tuple and a dict. */
    static PyObject *cmpcodec_vectorcall(PyObject *cls, PyObject *const *args, size_t count, PyObject *names) {
        return cmpcodec_called(cls, (PyObject **)args, (size_t)PyVectorcall_NARGS(count), names);
    }

    static void cmpcodec_adopt(PyObject *cls) {
        PyTypeObject *type = (PyTypeObject *)cls;
        type->tp_vectorcall = cmpcodec_vectorcall;
        Py_TYPE(cls)->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;   /* which metaclasses inherit only since 3.12 */
        type->tp_flags &= ~Py_TPFLAGS_HAVE_GC;
        type->tp_traverse = NULL;
        type->tp_clear = NULL;
        type->tp_free = PyObject_Free;
        type->tp_dealloc = cmpcodec_dealloc;
    }

    /* A record without going through its __init__. */
    static PyObject *cmpcodec_new(PyObject *cls, PyObject *view, PyObject *none) {
        PyTypeObject *type = (PyTypeObject *)cls;
        if (cmpcodec_spares && type->tp_dealloc == cmpcodec_dealloc)
            return PyObject_Init(cmpcodec_spare[--cmpcodec_spares], type);
        return ((PyTypeObject *)view)->tp_new(type, none, NULL);
    }
    """
    View _new "cmpcodec_new"(object cls, object view, object none)
    void _adopt "cmpcodec_adopt"(object cls) noexcept


cdef void _emptied "cmpcodec_emptied"(PyObject* self) noexcept:
    # Let go of all that a view holds: it ends, or waits to become another.
    cdef View view = <View>self
    cdef PyObject** values = view.values
    cdef uint32_t i
    if values != NULL:
        view.values = NULL
        for i in range(view.places):
            Py_XDECREF(values[i])
        if values != view.near:
            PyMem_Free(values)
        else:
            memset(view.near, 0, sizeof(view.near))
    view.number = 0
    view.source = None
    view.raw = None


cdef object _called "cmpcodec_called"(PyObject* cls, PyObject** args, size_t count, PyObject* names):
    # A new record, from the arguments of its constructor.
    cdef bytes raw = _construct(_native(<object>cls), args, count, names)
    cdef View view = _new(<object>cls, View, ())
    view.raw = raw
    return view


cdef extern from "Python.h":
    PyObject** _items "PySequence_Fast_ITEMS"(object values) noexcept


def adopt(cls):
    """Prepare a class that was derived from View; called once per class, before it has instances."""
    if not isinstance(cls, type) or not issubclass(cls, View) or cls.__basicsize__ != View.__basicsize__ \
            or cls.__dictoffset__ or cls.__weakrefoffset__:
        raise TypeError(f"{cls!r} is no record class without attributes of its own")
    _adopt(cls)


cdef extern from *:
    """
    /* Number of bits that are set; the builtin is a slow library call on x86-64 without -mpopcnt. */
    static inline uint32_t cmpcodec_ones(uint32_t x) {
        x -= x >> 1 & 0x55555555u;
        x = (x & 0x33333333u) + (x >> 2 & 0x33333333u);
        return ((x + (x >> 4)) & 0x0f0f0f0fu) * 0x01010101u >> 24;
    }
    """
    uint32_t _ones "cmpcodec_ones"(uint32_t x) noexcept nogil


@cython.no_gc
cdef class Items(View):
    """Base of the records that are a SEQUENCE OF or SET OF: an immutable sequence."""

    def __len__(self):
        return self._repeated().count

    def __getitem__(self, index):
        cdef Py_ssize_t at
        cdef uint32_t size = self._repeated().count
        if isinstance(index, slice):
            return tuple([self._kept(i, size) for i in range(*index.indices(size))])
        at = PyNumber_AsSsize_t(index, IndexError)
        if at < 0:
            at += size
        if not 0 <= at < size:
            raise IndexError(f"{type(self).__name__} has {_counted(size, 'element')}, there is no [{index}]")
        return self._kept(<uint32_t>at, size)

    def __iter__(self):
        cdef uint32_t i, size = self._repeated().count
        cdef list found = []
        for i in range(size):
            found.append(self._kept(i, size))
        return iter(found)

    @cython.final
    cdef Node* _repeated(self) except NULL:
        cdef Node* node = self._look()
        if OPS[node.op].kind != SEQUENCE_OF and OPS[node.op].kind != SET_OF:
            raise TypeError("not a SEQUENCE OF")
        return node


cdef object _value(Source source, uint32_t number):
    # A record or plain value for a node.
    cdef Node* node = &source.nodes[number]
    cdef COp* op = OPS[node.op]
    cdef View view
    cdef uint32_t content
    if op.cls == NULL:
        content = node.start + node.header
        return _read_leaf(op, <const uint8_t*>PyBytes_AS_STRING(source.data) + content, node.end - content)
    view = _new(<object>op.cls, View, ())
    view.source = source
    view.number = number
    return view


cdef object _opened(Source source, uint32_t number, const CPart* place, object oid):
    # The value of an open type: as the type that its OID names if it conforms, as a TLV if not.
    cdef Node* node = &source.nodes[number]
    cdef Growth g
    cdef COp* op
    cdef PyObject* found = _find(<dict>place.opened, oid)
    cdef int verdict
    if found == NULL:
        part = (<object>place.opens).part(oid)
        if part is None:
            return _value(source, number)
        op = _load(part.op)
        (<dict>place.opened)[oid] = part.op.native
    else:
        op = (<Native>found).op
    _limit(&g, source.limits, source.allow)
    g.data = <const uint8_t*>PyBytes_AS_STRING(source.data)
    verdict = _grow(&g, &op.root, node.start, node.end, node.depth - 1, node.nest)
    try:
        if verdict == NO_MEMORY:
            raise MemoryError
        if verdict != FINE:
            return _value(source, number)
        return _value(_source(&g, source.data, source.limits, source.allow), 0)
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
        cdef View record
        cdef Node* node
        cdef COp* op
        if view is None:
            return self
        record = <View?>view
        if record.source is None:
            record._look()
        node = &record.source.nodes[record.number]
        op = OPS[node.op]
        if self.choice:
            if op.kind != CHOICE:
                raise TypeError("not a CHOICE")
            return record._kept(0, 1) if node.count == self.number else None
        if op.kind != SEQUENCE or self.number >= op.size:
            raise TypeError("not a component of this record")
        if record.values != NULL and record.values[self.number] != NULL:
            return <object>record.values[self.number]
        return record._kept(self.number, op.size)


def children(view):
    """The present components of a record in the order of the bytes; none for TLV and NULL.

    Offsets count from the start of the bytes that the outermost record was decoded from; explicit tags are included.
    """
    cdef View record = <View?>view
    cdef Node* node = record._look()
    cdef Node* child
    cdef COp* op = OPS[node.op]
    cdef CPart* part
    cdef uint32_t place, number, total
    cdef list found = []
    if op.kind > CHOICE:
        return ()
    number = node.child
    total = op.size if op.kind == SEQUENCE else 1 if op.kind == CHOICE else node.count
    for place in range(total):
        if op.kind == SEQUENCE:
            if not node.count >> place & 1:
                continue
            part = &op.parts[place]
        else:
            part = &op.parts[node.count if op.kind == CHOICE else 0]
        child = &record.source.nodes[number]
        number += 1
        start = child.start
        if part.outer:
            start -= 1 + len(_encoding.length_octets(child.end - child.start))
        name = None if op.kind == SEQUENCE_OF or op.kind == SET_OF else <object>part.name
        found.append(Child(name, record._kept(place, total), start, child.end))
    return tuple(found)
