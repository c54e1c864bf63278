# The op table as C structures: copied from ops.Op and ops.Part once, never freed, never changed.

cdef enum:
    SEQUENCE = 0
    SEQUENCE_OF = 1
    SET_OF = 2
    CHOICE = 3
    ANY = 4
    INTEGER = 5
    OCTETS = 6
    BITS = 7
    OID = 8
    TEXT = 9
    TIME = 10
    NULL_ = 11
    BOOLEAN = 12

cdef enum:
    NOWHERE = 0xFF  # in COp.select: no alternative begins with this octet

cdef enum:
    LATELY = 16         # a power of two

cdef struct Opening:
    PyObject* oid       # NULL: none yet
    COp* op

cdef struct Openings:
    PyObject* met       # a dict: OID -> Native, of the types that were met
    Opening lately[LATELY]      # each in the one place that the address of its OID chooses

ctypedef object (*Reader)(const COp* op, const uint8_t* p, uint32_t n)

cdef struct CPart:
    COp* op
    uint8_t outer       # identifier octet of an EXPLICIT tag, or 0
    uint8_t tag         # identifier octet of the value, or 0: as the op decides
    uint8_t first       # identifier octet that announces this part, or 0: as the op decides
    uint8_t optional
    uint8_t rare        # has an EXPLICIT tag or is an ANY
    uint8_t levels      # of TLVs that a value of this part adds
    uint16_t by         # number of the component with the OID of an open type
    Py_ssize_t default_size   # -1: no DEFAULT
    uint8_t* default_content
    PyObject* name
    PyObject* default
    PyObject* opens     # an OpenTypes, or NULL
    Openings* opened    # the types that it had, or NULL

cdef struct COp:
    uint16_t id
    uint8_t kind
    uint8_t tag
    uint8_t nesting
    uint8_t size        # number of parts
    uint8_t required    # SEQUENCE: components up to the last one that may not be absent
    uint8_t sized       # whether low and high have to be looked at
    uint32_t needed     # SEQUENCE: bit k is set if component k may not be absent
    int64_t low
    int64_t high        # -1: MAX
    int64_t limit       # -1: none
    CPart* parts
    CPart root
    PyObject* cls       # record class, or NULL
    Reader read         # where cls is NULL
    PyObject* named     # NamedBits class, or the dict of an IntEnum's members, or NULL
    PyObject* op        # the ops.Op
    uint8_t select[256]

cdef inline PyObject* _find(dict table, object key) except? NULL:
    # A borrowed reference, NULL if there is none.
    return PyDict_GetItemWithError(table, key)


cdef COp** OPS = NULL
cdef int OPS_SIZE = 0
cdef list KEPT = []         # what the structures point to
cdef dict NATIVE = {}       # record class -> Native


@cython.final
@cython.no_gc
cdef class Native:
    # A COp as a Python object; it lives in Op.native.
    cdef COp* op


cdef PyObject* _keep(object thing) except NULL:
    # A pointer that stays valid.
    KEPT.append(thing)
    return <PyObject*>thing


cdef int _load_part(CPart* c, object part, dict fresh) except -1:
    cdef bytes content
    c.op = _load_op(part.op, fresh)
    c.outer = part.outer
    c.tag = part.tag
    c.first = c.outer if c.outer else c.tag
    c.optional = part.optional
    c.rare = c.outer != 0 or (c.tag == 0 and part.op.kind == ANY)
    c.levels = (c.outer != 0) + (part.op.kind != CHOICE)
    c.by = part.by
    c.default_size = -1
    c.default_content = NULL
    c.name = _keep(_intern(part.name))
    c.default = _keep(None if part.default is _ops.MISSING else part.default)
    if part.default_content is not None:
        content = part.default_content
        KEPT.append(content)
        c.default_size = len(content)
        c.default_content = <uint8_t*>PyBytes_AS_STRING(content)
    c.opens = NULL if part.opens is None else _keep(part.opens)
    if part.opens is not None:
        c.opened = <Openings*>calloc(1, sizeof(Openings))
        if c.opened == NULL:
            raise MemoryError
        c.opened.met = _keep({})
    return 0


cdef COp* _load(object op) except NULL:
    # The structure of an op and of all that it contains; none is seen by others before all are complete.
    cdef dict fresh = {}
    cdef COp* c
    if op.native is not None:
        return (<Native>op.native).op
    c = _load_op(op, fresh)
    for one, native in fresh.items():
        one.native = native
    return c


cdef COp* _load_op(object op, dict fresh) except NULL:
    global OPS, OPS_SIZE
    cdef COp* c
    cdef COp** grown
    cdef Native native
    cdef int i
    if op.native is not None:
        return (<Native>op.native).op
    if op in fresh:
        return (<Native>fresh[op]).op
    if OPS_SIZE >= 0xFFFF:
        raise TypeError("more than 65535 types")
    grown = <COp**>realloc(OPS, (OPS_SIZE + 1) * sizeof(COp*))
    if grown == NULL:
        raise MemoryError
    OPS = grown
    c = <COp*>calloc(1, sizeof(COp))
    if c == NULL:
        raise MemoryError
    OPS[OPS_SIZE] = c
    c.id = OPS_SIZE
    OPS_SIZE += 1
    native = Native.__new__(Native)
    native.op = c
    fresh[op] = native
    c.op = _keep(op)
    c.kind = op.kind
    c.tag = op.tag
    c.nesting = op.nesting
    c.low = op.low
    c.high = -1 if op.high is None else op.high
    c.sized = op.low != 0 or op.high is not None
    c.limit = -1 if op.limit is None else op.limit
    c.read = READERS[<int>c.kind]
    if op.cls is not None:
        c.cls = _keep(op.cls)
    if op.named is not None:
        c.named = _keep(op.named._value2member_map_ if op.kind == INTEGER else op.named)
    memset(c.select, NOWHERE, 256)
    for octet, number in op.select.items():
        c.select[<int>octet] = number
    c.parts = <CPart*>calloc(max(len(op.parts), 1), sizeof(CPart))
    if c.parts == NULL:
        raise MemoryError
    for i in range(len(op.parts)):
        _load_part(&c.parts[i], op.parts[i], fresh)
        if c.kind == SEQUENCE and not c.parts[i].optional:
            c.required = i + 1
            c.needed |= <uint32_t>1 << i
    c.size = len(op.parts)
    _load_part(&c.root, op.root, fresh)
    return c


cdef inline size_t _place_of(PyObject* thing, size_t places) noexcept nogil:
    # Where a table of things met last has its only place for this one; `places` is a power of two.
    cdef size_t address = <size_t>thing
    return ((address >> 4) ^ (address >> 12)) & (places - 1)


cdef inline void _exchange(PyObject** place, object thing) noexcept:
    # Keep this thing in place of another.
    cdef PyObject* old = place[0]
    Py_INCREF(thing)
    place[0] = <PyObject*>thing
    Py_XDECREF(old)


cdef enum:
    LAST_CLASSES = 256          # a power of two

cdef struct LastClass:
    PyObject* cls
    COp* op

cdef LastClass LAST[LAST_CLASSES]   # what _native answered last, each in the one place that its address chooses
memset(LAST, 0, sizeof(LAST))


cdef inline COp* _native(object cls) except NULL:
    # The structure of a record class.
    cdef LastClass* last = &LAST[_place_of(<PyObject*>cls, LAST_CLASSES)]
    return last.op if last.cls == <PyObject*>cls else _looked_up(cls)


cdef COp* _looked_up(object cls) except NULL:
    # Compiles the class when it is first used.
    cdef PyObject* found = _find(NATIVE, cls)
    cdef LastClass* last = &LAST[_place_of(<PyObject*>cls, LAST_CLASSES)]
    cdef COp* c
    if found == NULL:
        op = _explained.operation(cls)
        c = _load(op)
        NATIVE[cls] = op.native         # keeps class and structure alive for good
    else:
        c = (<Native>found).op
    last.cls = <PyObject*>cls
    last.op = c
    return c


cdef inline COp* _named_by(const CPart* place, object oid) except? NULL:
    # The type that a str, an OBJECT IDENTIFIER, names at a place; NULL if none is known.
    cdef Opening* lately = &place.opened.lately[_place_of(<PyObject*>oid, LATELY)]
    return lately.op if lately.oid == <PyObject*>oid else _met(place, oid)


cdef COp* _met(const CPart* place, object oid) except? NULL:
    # Looks it up, and remembers it for this object unless that brings a __hash__ of its own.
    cdef bint plain = type(oid) is ObjectIdentifier or type(oid) is str
    cdef PyObject* found = _find(<dict>place.opened.met, oid) if plain else NULL
    cdef Opening* lately = &place.opened.lately[_place_of(<PyObject*>oid, LATELY)]
    cdef COp* op
    if found != NULL:
        op = (<Native>found).op
    else:
        part = (<object>place.opens).part(oid)
        if part is None:
            return NULL
        op = _load(part.op)
        if plain:
            (<dict>place.opened.met)[oid] = part.op.native
    if plain:
        lately.op = op
        _exchange(&lately.oid, oid)     # the object lives on here, so that no other gets its address
    return op


cdef inline bint _announces(const CPart* part, uint8_t octet) noexcept nogil:
    # Whether a value of this part can begin with this identifier octet.
    if part.first:
        return part.first == octet
    return part.op.kind != CHOICE or part.op.select[octet] != NOWHERE
