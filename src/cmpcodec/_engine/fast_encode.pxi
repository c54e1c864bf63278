# Values -> DER, written backwards: content first, then its length in front of it, so that nothing is moved.
# A value that does not fit is not explained here: the reference engine encodes it again and says why.

cdef enum:
    UNFIT = 1
    LOCAL_OCTETS = 1536
    MAX_PARTS = 32      # components or alternatives; the schema compiler sees to it

cdef struct Buffer:
    uint8_t* base
    size_t size
    size_t at           # the octets written so far are base[at:size]
    uint8_t local[LOCAL_OCTETS]

cdef enum:
    MAX_WRITTEN_OIDS = 2048

cdef dict WRITTEN_OIDS = {}     # dotted text -> content octets, of OIDs written before


cdef inline void _open_buffer(Buffer* b) noexcept nogil:
    b.base = b.local
    b.size = LOCAL_OCTETS
    b.at = LOCAL_OCTETS


cdef inline void _close_buffer(Buffer* b) noexcept nogil:
    if b.base != b.local:
        free(b.base)
        b.base = b.local


cdef int _widen(Buffer* b, size_t more) except -1:
    cdef size_t used = b.size - b.at
    cdef size_t size = 2 * (used + more)
    cdef uint8_t* base = <uint8_t*>malloc(size)
    if base == NULL:
        raise MemoryError
    memcpy(base + size - used, b.base + b.at, used)
    _close_buffer(b)
    b.base = base
    b.at = size - used
    b.size = size
    return 0


cdef inline int _put(Buffer* b, const void* octets, size_t n) except -1:
    if n > b.at:
        _widen(b, n)
    b.at -= n
    memcpy(b.base + b.at, octets, n)
    return 0


cdef inline int _put_octet(Buffer* b, uint8_t octet) except -1:
    if b.at == 0:
        _widen(b, 64)
    b.at -= 1
    b.base[b.at] = octet
    return 0


cdef int _put_header(Buffer* b, uint8_t tag, size_t length) except -1:
    cdef uint8_t octets[6]
    cdef int n = 5, count = 0
    if length < 0x80:
        octets[5] = <uint8_t>length
    else:
        if length > MAX_INPUT:
            return UNFIT
        n = 6
        while length:
            n -= 1
            count += 1
            octets[n] = length & 0xFF
            length >>= 8
        n -= 1
        octets[n] = 0x80 | count
    _put(b, &octets[n], 6 - n)
    _put_octet(b, tag)
    return FINE


cdef int _put_integer(Buffer* b, const COp* op, object value) except -1:
    cdef int64_t number
    cdef int overflow = 0
    cdef uint8_t octet
    if not isinstance(value, int) or isinstance(value, bool):
        return UNFIT
    number = PyLong_AsLongLongAndOverflow(value, &overflow)
    if overflow:
        return _put_slowly(b, op, value)
    while True:
        octet = number & 0xFF
        _put_octet(b, octet)
        number >>= 8
        if (number == 0 and octet < 0x80) or (number == -1 and octet >= 0x80):
            return FINE


cdef int _put_slowly(Buffer* b, const COp* op, object value) except -1:
    # By the reference engine: rare values.
    cdef bytes octets = _answers.octets(<object>op.op, value)
    if octets is None:
        return UNFIT
    _put(b, PyBytes_AS_STRING(octets), PyBytes_GET_SIZE(octets))
    return FINE


cdef int _put_bits(Buffer* b, const COp* op, object value) except -1:
    cdef bytes data
    cdef int64_t unused
    cdef int overflow = 0
    cdef Py_ssize_t n
    if op.named != NULL or type(value) is not BitString or PyTuple_GET_SIZE(value) != 2:
        return _put_slowly(b, op, value)
    if type((<tuple>value)[0]) is not bytes or type((<tuple>value)[1]) is not int:
        return _put_slowly(b, op, value)
    data = (<tuple>value)[0]
    n = PyBytes_GET_SIZE(data)
    unused = PyLong_AsLongLongAndOverflow((<tuple>value)[1], &overflow)
    if overflow or unused < 0 or unused > 7 or (unused and n == 0):
        return UNFIT
    if n and (<uint8_t>PyBytes_AS_STRING(data)[n - 1]) & ((1 << unused) - 1):
        return UNFIT
    _put(b, PyBytes_AS_STRING(data), n)
    _put_octet(b, <uint8_t>unused)
    return FINE


cdef int _put_oid(Buffer* b, const COp* op, object value) except -1:
    cdef PyObject* found
    cdef bytes octets
    if type(value) is not str and type(value) is not ObjectIdentifier:
        return _put_slowly(b, op, value)
    found = _find(WRITTEN_OIDS, value)
    if found != NULL:
        octets = <bytes>found
    else:
        octets = _answers.octets(<object>op.op, value)
        if octets is None:
            return UNFIT
        if len(octets) <= MAX_KNOWN_OID_OCTETS:
            if len(WRITTEN_OIDS) >= MAX_WRITTEN_OIDS:
                WRITTEN_OIDS.clear()
            WRITTEN_OIDS[value] = octets
    _put(b, PyBytes_AS_STRING(octets), PyBytes_GET_SIZE(octets))
    return FINE


cdef extern from "Python.h":
    bint PyUnicode_IS_COMPACT_ASCII(object text)
    void* PyUnicode_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    int PyUnicode_READY(object text) except -1


cdef int _put_text(Buffer* b, const COp* op, object value) except -1:
    cdef const uint8_t* data
    cdef Py_ssize_t n
    if not PyUnicode_Check(value):
        return UNFIT
    if op.tag == TAG_BMP or op.tag == TAG_UNIVERSAL or not PyUnicode_IS_COMPACT_ASCII(value):
        return _put_slowly(b, op, value)
    data = <const uint8_t*>PyUnicode_DATA(value)
    n = PyUnicode_GET_LENGTH(value)
    if n > MAX_INPUT or _check_text(op, data, <uint32_t>n) != FINE:
        return UNFIT
    _put(b, data, n)
    return FINE


cdef void _two_digits(uint8_t* p, int number) noexcept nogil:
    p[0] = 0x30 + number // 10
    p[1] = 0x30 + number % 10


cdef int _put_time(Buffer* b, const COp* op, object value) except -1:
    cdef uint8_t text[15]
    cdef uint8_t* rest = text + 4
    cdef int year, size = 15
    if not PyDateTime_Check(value) or datetime_tzinfo(value) is not UTC or datetime_microsecond(value):
        return _put_slowly(b, op, value)
    year = datetime_year(value)
    if op.tag == TAG_UTC_TIME:
        if year < 1950 or year > 2049:
            return UNFIT
        rest = text + 2
        size = 13
    else:
        _two_digits(text, year // 100)
    _two_digits(rest - 2, year % 100)
    _two_digits(rest, datetime_month(value))
    _two_digits(rest + 2, datetime_day(value))
    _two_digits(rest + 4, datetime_hour(value))
    _two_digits(rest + 6, datetime_minute(value))
    _two_digits(rest + 8, datetime_second(value))
    rest[10] = c"Z"
    _put(b, text, size)
    return FINE


cdef int _put_leaf(Buffer* b, const COp* op, object value) except -1:
    # The content octets of a plain value.
    if op.kind == INTEGER:
        return _put_integer(b, op, value)
    if op.kind == OCTETS:
        if not isinstance(value, bytes):
            return UNFIT
        if _check_size(op, len(<bytes>value)) != FINE:
            return UNFIT
        _put(b, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
        return FINE
    if op.kind == OID:
        return _put_oid(b, op, value)
    if op.kind == TEXT:
        return _put_text(b, op, value)
    if op.kind == BITS:
        return _put_bits(b, op, value)
    if op.kind == TIME:
        return _put_time(b, op, value)
    if value is True or value is False:
        _put_octet(b, 0xFF if value else 0)
        return FINE
    return UNFIT


cdef int _put_part(Buffer* b, const CPart* part, object value, int level) except -1:
    # A value with the tags of its place.
    cdef size_t end = b.size - b.at
    cdef const COp* op = part.op
    cdef bytes der
    cdef int verdict
    if op.cls == NULL:
        verdict = _put_leaf(b, op, value)
        if verdict == FINE:
            verdict = _put_header(b, part.tag, b.size - b.at - end)
        if verdict != FINE:
            return verdict
    else:
        if PyObject_TypeCheck(value, <PyTypeObject*>op.cls):
            der = (<View>value)._der()
            if der is None:
                return UNFIT
            _put(b, PyBytes_AS_STRING(der), PyBytes_GET_SIZE(der))
        else:
            verdict = _put_plain(b, op, value, level)
            if verdict != FINE:
                return verdict
        if part.tag != op.tag:
            b.base[b.at] = part.tag
    if part.outer:
        return _put_header(b, part.outer, b.size - b.at - end)
    return FINE


cdef int _put_open(Buffer* b, const CPart* part, object value, object oid, int level) except -1:
    # A value whose type another component names.
    cdef size_t end = b.size - b.at
    cdef COp* op
    cdef bytes der
    cdef int verdict
    if not PyUnicode_Check(oid):
        return UNFIT
    opened = (<object>part.opens).part(oid)
    if opened is not None and type(value) is not <object>part.op.cls:
        op = _load(opened.op)
        verdict = _put_part(b, &op.root, value, level)
        if verdict != FINE:
            return verdict
    else:
        if not isinstance(value, View):
            return UNFIT
        der = (<View>value)._der()
        _put(b, PyBytes_AS_STRING(der), PyBytes_GET_SIZE(der))
    if part.outer:
        return _put_header(b, part.outer, b.size - b.at - end)
    return FINE


cdef bint _is_default(const Buffer* b, const CPart* part, size_t before) noexcept:
    # Whether what was put in front of the last `before` octets is the DEFAULT of its place.
    cdef const uint8_t* octets = b.base + b.at
    cdef uint32_t content, stop, size = <uint32_t>(b.size - b.at - before)
    if _header(octets, 0, size, &content, &stop) != FINE:
        return False
    if part.outer and _header(octets, content, size, &content, &stop) != FINE:
        return False
    return size - content == <uint32_t>part.default_size and memcmp(octets + content, part.default_content, size - content) == 0


cdef int _put_sequence(Buffer* b, const COp* op, PyObject** values, int level) except -1:
    # From one value for each component, NULL or None where it is absent.
    cdef int k = op.size, verdict
    cdef size_t end, after = b.size - b.at
    cdef const CPart* part
    cdef PyObject* oid
    while k:
        k -= 1
        part = &op.parts[k]
        if values[k] == NULL or values[k] == <PyObject*>None:
            if not part.optional:
                return UNFIT
            continue
        end = b.size - b.at
        if part.opens != NULL:
            oid = values[part.by]
            verdict = UNFIT if oid == NULL else _put_open(b, part, <object>values[k], <object>oid, level)
        else:
            verdict = _put_part(b, part, <object>values[k], level)
        if verdict != FINE:
            return verdict
        if part.default_size >= 0 and _is_default(b, part, end):
            b.at = b.size - end     # DER leaves it out
    return _put_header(b, op.tag, b.size - b.at - after)


cdef int _put_choice(Buffer* b, const COp* op, PyObject** values, int level) except -1:
    # From one value for each alternative, NULL or None for all but one.
    cdef int k, chosen = -1
    for k in range(op.size):
        if values[k] != NULL and values[k] != <PyObject*>None:
            if chosen >= 0:
                return UNFIT
            chosen = k
    if chosen < 0:
        return UNFIT
    return _put_part(b, &op.parts[chosen], <object>values[chosen], level)


cdef int _sort_in(const COp* op, PyObject** values, int after, object name, object value) except -1:
    # Put a named value into its place; the search begins behind the place of the last one.
    cdef int k = after, tries
    for tries in range(op.size):
        k = k + 1 if k + 1 < op.size else 0
        if op.parts[k].name == <PyObject*>name:
            if values[k] != NULL:
                break
            values[k] = <PyObject*>value
            return k
    return MAX_PARTS    # unknown, or a name that is not interned: the reference engine looks closer


cdef int _put_named(Buffer* b, const COp* op, dict components, int level) except -1:
    # A SEQUENCE or CHOICE from a dict of its components.
    cdef PyObject* values[MAX_PARTS]
    cdef int k = -1
    cdef dict kept = dict(components)   # ours: `values` only borrows, and encoding may run code that changes the other
    memset(values, 0, op.size * sizeof(PyObject*))
    for name, value in kept.items():
        k = _sort_in(op, values, k, name, value)
        if k == MAX_PARTS:
            return UNFIT
    return _put_sequence(b, op, values, level) if op.kind == SEQUENCE else _put_choice(b, op, values, level)


cdef int _put_repeated(Buffer* b, const COp* op, tuple elements, int level) except -1:
    cdef Py_ssize_t k = len(elements)
    cdef size_t after = b.size - b.at
    cdef int verdict
    if _check_size(op, k) != FINE:
        return UNFIT
    if op.kind == SET_OF and k > 1:
        return UNFIT            # the reference engine sorts
    while k:
        k -= 1
        verdict = _put_part(b, &op.parts[0], elements[k], level)
        if verdict != FINE:
            return verdict
    return _put_header(b, op.tag, b.size - b.at - after)


cdef int _put_plain(Buffer* b, const COp* op, object value, int level) except -1:
    # A record from a dict or list instead of the finished record.
    if level >= MAX_PLAIN_LEVELS:
        return UNFIT
    if op.kind == SEQUENCE or op.kind == CHOICE:
        return _put_named(b, op, <dict>value, level + 1) if type(value) is dict else UNFIT
    if op.kind == SEQUENCE_OF or op.kind == SET_OF:
        return _put_repeated(b, op, tuple(value), level + 1) if isinstance(value, (list, tuple)) else UNFIT
    return UNFIT


cdef bytes _encoded(COp* op, PyObject** values, object one):
    # The DER of a new record; None if a value does not fit, which the reference engine has to explain.
    cdef Buffer b
    cdef int verdict = UNFIT
    _open_buffer(&b)
    try:
        if op.kind == SEQUENCE:
            verdict = _put_sequence(&b, op, values, 0)
        elif op.kind == CHOICE:
            verdict = _put_choice(&b, op, values, 0)
        elif op.kind == ANY:
            if PyBytes_CheckExact(one):
                verdict = _put_any(&b, op, <bytes>one)
        elif op.kind == NULL_:
            verdict = _put_header(&b, op.tag, 0)
        else:
            verdict = _put_repeated(&b, op, <tuple>one, 0)
        if verdict == FINE:
            return PyBytes_FromStringAndSize(<char*>b.base + b.at, b.size - b.at)
        return None
    finally:
        _close_buffer(&b)


cdef bytes _construct(COp* op, PyObject** args, Py_ssize_t count, PyObject* names):
    # The DER of a new record, from the arguments of its constructor as a vectorcall has them.
    cdef PyObject* values[MAX_PARTS]
    cdef Py_ssize_t i, named = 0 if names == NULL else PyTuple_GET_SIZE(<object>names)
    cdef int k = -1
    cdef bytes der = None
    cdef object one = None
    if op.kind == SEQUENCE or op.kind == CHOICE:
        if count == 0:
            memset(values, 0, op.size * sizeof(PyObject*))
            for i in range(named):
                k = _sort_in(op, values, k, <object>PyTuple_GET_ITEM(<object>names, i), <object>args[i])
                if k == MAX_PARTS:
                    break
            if k != MAX_PARTS:
                der = _encoded(op, values, None)
    elif named == 0 and count == (0 if op.kind == NULL_ else 1):
        if count:
            one = <object>args[0]
        if op.kind != SEQUENCE_OF and op.kind != SET_OF:
            der = _encoded(op, NULL, one)
        elif not isinstance(one, (str, bytes)):
            one = tuple(one)        # ours: an iterator can be read only once, and nobody else may change a list
            der = _encoded(op, NULL, one)
    if der is not None:
        return der
    positional = [<object>args[i] for i in range(count)] if one is None else [one]
    components = {<object>PyTuple_GET_ITEM(<object>names, i): <object>args[count + i] for i in range(named)}
    pyop = <object>op.op
    return _encoding.encode(pyop, _explained.arguments(pyop, tuple(positional), components))


cdef int _put_any(Buffer* b, COp* op, bytes der) except -1:
    cdef Growth g
    cdef int verdict
    if PyBytes_GET_SIZE(der) > MAX_INPUT:
        return UNFIT
    _limit(&g, UNLIMITED, ())
    g.data = <const uint8_t*>PyBytes_AS_STRING(der)
    verdict = _grow(&g, &op.root, 0, <uint32_t>PyBytes_GET_SIZE(der), 0, 0)
    _release(&g)
    if verdict != FINE:
        return UNFIT
    return _put(b, PyBytes_AS_STRING(der), PyBytes_GET_SIZE(der))
