# View and Field: a record is its DER, seen through its op.

cdef object LENIENCIES = _values.LENIENCIES
cdef object restore = _explained.restore
cdef object checked_input = _explained.checked_input
cdef object _disagreement = "the compiled engine refuses what the reference engine accepts; this is a bug, please report it"


cdef enum:
    CHUNK_NODES = 20        # so that a Chunk is of a size that Python allocates from its pools

cdef struct Chunk:
    Chunk* next
    # its nodes follow


@cython.final
@cython.no_gc
cdef class Source:
    # Checked nodes and the bytes that they mean. No node ever moves, so views point to them: those of the record that
    # was decoded, and in chunks those of the open types inside that were read since.
    cdef bytes data
    cdef const uint8_t* octets      # of the data
    cdef Bounds bounds      # for what is opened
    cdef Node* nodes
    cdef Chunk* chunks
    cdef Node* unused       # in the first chunk
    cdef uint32_t left      # unused ones

    def __dealloc__(self):
        cdef Chunk* chunk = self.chunks
        cdef Chunk* following
        PyMem_Free(self.nodes)
        while chunk != NULL:
            following = chunk.next
            PyMem_Free(chunk)
            chunk = following


cdef Source _source(Growth* g, bytes data):
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
    source.data = data
    source.octets = <const uint8_t*>PyBytes_AS_STRING(data)
    # A record made here is trusted, what it opens is not: nobody checked it.
    source.bounds = DEFAULT_BOUNDS if g.bounds.trusted else g.bounds
    return source


cdef Node* _moved(Source source, const Growth* g) except NULL:
    # Copies the nodes of a Growth to those of a Source. A view reads an open type once, so these are few.
    cdef Node* nodes
    cdef Chunk* chunk
    cdef uint32_t room
    if g.count > source.left:
        room = max(g.count, <uint32_t>CHUNK_NODES)
        chunk = <Chunk*>PyMem_Malloc(sizeof(Chunk) + room * sizeof(Node))
        if chunk == NULL:
            raise MemoryError
        chunk.next = source.chunks
        source.chunks = chunk
        source.unused = <Node*>(chunk + 1)
        source.left = room
    nodes = source.unused
    memcpy(nodes, g.nodes, g.count * sizeof(Node))
    source.unused += g.count
    source.left -= g.count
    return nodes


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
        g.size = <size_t>size
        verdict = _grow(&g, &op.root, 0, <uint32_t>size, 0, 0)
    if verdict != FINE:
        _release(&g)
        _refuse(verdict, op, data, limits, allow)
    try:
        return _source(&g, data)
    finally:
        _release(&g)


cdef enum:
    NEAR_PLACES = 4


@cython.no_gc
cdef class View:
    """Base of every record class."""

    cdef Source source          # None: made here and not looked into yet
    cdef bytes raw              # its DER, once somebody asked or if it was made here
    cdef Node* node             # one of the source's; NULL if there is none
    cdef PyObject** values      # those that were read, by place; NULL: none yet
    cdef uint32_t places        # of values
    cdef PyObject* near[NEAR_PLACES]    # where the values of most records find room

    _op = None

    def __init__(self, *args, **components):
        if self.source is not None or self.raw is not None:
            raise TypeError(f"a {type(self).__name__} cannot change; use replace()")
        # Calling a record class goes by _called; this is for calls that Python makes by the older way.
        cdef list values = [*args, *components.values()]
        names = tuple([_intern(name) for name in components])
        self.raw = _construct(_native(type(self)), _items(<PyObject*>values), len(args), <PyObject*>names)

    @classmethod
    def from_plain(cls, plain):
        """A record from plain values: a dict for a SEQUENCE or CHOICE, a list for a SEQUENCE OF, and so on inside.

        Finished records may stand anywhere among them. All is encoded in one go, without a record for each level:
        the quickest way to build a message. Raises EncodeError or TypeError like the constructor.
        """
        return _from_plain(cls, plain)

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
        view.node = source.nodes
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
            node = self._look()
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
    cdef inline Node* _look(self) except NULL:
        # The node of this view.
        return self.node if self.node != NULL else self._looked()

    @cython.final
    cdef Node* _looked(self) except NULL:
        # A record made here gets its nodes now.
        if self.raw is None:
            raise TypeError(f"this {type(self).__name__} was never made; call its class")
        source = _parse(_native(type(self)), self.raw, UNLIMITED, LENIENCIES)
        if self.node == NULL:       # the first use of a type runs Python code, which may have looked itself
            self.source = source
            self.node = source.nodes
        return self.node

    @cython.final
    cdef inline object _kept(self, const Node* node, const COp* op, uint32_t place, uint32_t places):
        # The value at a place of those that there are, made when first asked for. `node` is its own, `op` that of the node.
        if self.values != NULL and self.values[place] != NULL:
            return <object>self.values[place]
        return self._made(node, op, place, places)

    @cython.final
    cdef object _made(self, const Node* node, const COp* op, uint32_t place, uint32_t places):
        cdef const CPart* part = NULL
        cdef uint32_t before = place
        if op.kind == SEQUENCE:
            part = &op.parts[place]
            if not node.count >> place & 1:
                return <object>part.default
            before = _ones(node.count & ((<uint32_t>1 << place) - 1))
        if part != NULL and part.opens != NULL:
            value = _opened(self, node + node.child + before, part, self._kept(node, op, part.by, places))
        else:
            value = _value(self, node + node.child + before)
        if self.values == NULL:
            if places <= NEAR_PLACES:
                self.values = self.near
            else:
                self.values = <PyObject**>PyMem_Calloc(places, sizeof(PyObject*))
                if self.values == NULL:
                    raise MemoryError
            self.places = places
        elif self.values[place] != NULL:    # making it ran Python code, which asked for the same value
            return <object>self.values[place]
        Py_INCREF(value)
        self.values[place] = <PyObject*>value
        return value

    def _replaced(self, dict components):
        """A SEQUENCE like this one, but for these components."""
        cdef PyObject* values[MAX_PARTS]
        cdef Node* node = self._look()
        cdef const COp* op = OPS[node.op]
        cdef PyObject* key
        cdef PyObject* value
        cdef Py_ssize_t at = 0
        cdef uint32_t present = node.count
        cdef int k
        cdef bytes der = None
        cdef View view
        for k in range(op.size):
            if present >> k & 1:    # a view of its own holds each value that it made
                kept = self._kept(node, op, k, op.size)
                values[k] = <PyObject*>kept
        k = -1
        while PyDict_Next(<PyObject*>components, &at, &key, &value):
            k = _number_of(op, key, k)
            if k == MAX_PARTS:
                break
            values[k] = value
            present = present & ~(<uint32_t>1 << k) | <uint32_t>(value != <PyObject*>None) << k
        else:
            der = _encoded(OPS[node.op], values, present, NULL)
        if der is None:     # the constructor explains
            return type(self)(**({name: getattr(self, name) for name in type(self)._component_names} | components))
        view = _new(type(self), View, ())
        view.raw = der
        return view

    def _choice(self):
        """Name and value of the alternative that a CHOICE holds."""
        cdef Node* node = self._look()
        cdef COp* op = OPS[node.op]
        if op.kind != CHOICE:
            raise TypeError("not a CHOICE")
        return <object>op.parts[node.count].name, self._kept(node, op, 0, 1)

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
    #if CMPCODEC_SANITIZED
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

    /* What PyObject_GenericGetAttr does, without the detours that lead to a Field. */
    static PyTypeObject *cmpcodec_field;
    static PyObject *cmpcodec_read(PyObject *field, PyObject *self);

    static PyObject *cmpcodec_getattro(PyObject *self, PyObject *name) {
        PyObject *found = _PyType_Lookup(Py_TYPE(self), name);
        if (found != NULL && Py_TYPE(found) == cmpcodec_field)
            return cmpcodec_read(found, self);
        return PyObject_GenericGetAttr(self, name);
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
        if (type->tp_getattro == PyObject_GenericGetAttr)
            type->tp_getattro = cmpcodec_getattro;
        type->tp_flags &= ~Py_TPFLAGS_HAVE_GC;
        type->tp_traverse = NULL;
        type->tp_clear = NULL;
        type->tp_free = PyObject_Free;
        type->tp_dealloc = cmpcodec_dealloc;
    }

    /* A record without going through its __init__. */
    static PyObject *cmpcodec_new(PyObject *cls, PyObject *view, PyObject *none) {
        PyTypeObject *type = (PyTypeObject *)cls;
        if (!cmpcodec_spares || type->tp_dealloc != cmpcodec_dealloc)
            return ((PyTypeObject *)view)->tp_new(type, none, NULL);
        PyObject *self = cmpcodec_spare[--cmpcodec_spares];
    #if defined(Py_REF_DEBUG) || defined(Py_TRACE_REFS)
        return PyObject_Init(self, type);
    #else
        Py_SET_REFCNT(self, 1);             /* all that PyObject_Init does where no references are counted */
        Py_SET_TYPE(self, type);
        Py_INCREF(type);
        return self;
    #endif
    }
    """
    View _new "cmpcodec_new"(object cls, object view, object none)
    void _adopt "cmpcodec_adopt"(object cls) noexcept
    PyTypeObject* _field_type "cmpcodec_field"


cdef void _emptied "cmpcodec_emptied"(PyObject* self) noexcept:
    # Let go of all that a view holds: it ends, or waits to become another.
    cdef View view = <View>self
    cdef PyObject** values = view.values
    cdef PyObject* value
    cdef uint32_t i
    if values != NULL:
        view.values = NULL
        for i in range(view.places):
            value = values[i]
            values[i] = NULL
            Py_XDECREF(value)
        if values != view.near:
            PyMem_Free(values)
    view.node = NULL
    view.source = None
    if view.raw is not None:
        view.raw = None


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
        cdef Node* node = self._repeated()
        cdef COp* op = OPS[node.op]
        cdef Py_ssize_t at = 0
        cdef uint32_t size = node.count
        cdef int overflow = 1
        if type(index) is int:
            at = PyLong_AsLongLongAndOverflow(index, &overflow)
        elif isinstance(index, slice):
            return tuple([self._kept(node, op, i, size) for i in range(*index.indices(size))])
        if overflow:
            at = PyNumber_AsSsize_t(index, IndexError)
        if at < 0:
            at += size
        if not 0 <= at < size:
            raise IndexError(f"{type(self).__name__} has {_counted(size, 'element')}, there is no [{index}]")
        return self._kept(node, op, <uint32_t>at, size)

    def __iter__(self):
        cdef Node* node = self._repeated()
        cdef uint32_t i, size = node.count
        cdef list found = []
        for i in range(size):
            found.append(self._kept(node, OPS[node.op], i, size))
        return iter(found)

    @cython.final
    cdef Node* _repeated(self) except NULL:
        cdef Node* node = self._look()
        if node.kind != SEQUENCE_OF and node.kind != SET_OF:
            raise TypeError("not a SEQUENCE OF")
        return node
