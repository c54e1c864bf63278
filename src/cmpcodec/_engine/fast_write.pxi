# Primitive values -> DER, written backwards: content first, then its length in front of it, so that nothing is moved.
# A value that does not fit is not explained here: the reference engine encodes it again and says why.

cdef enum:
    UNFIT = 1
    LOCAL_OCTETS = 1536

cdef enum:
    MAX_WRITTEN_OIDS = 2048
    WRITTEN = 256       # a power of two

cdef dict WRITTEN_OIDS = {}     # dotted text -> content octets, of OIDs written before

cdef struct WrittenOid:
    PyObject* text
    PyObject* octets

cdef WrittenOid WRITTEN_LAST[WRITTEN]   # the same by object, each in the one place that its address chooses
memset(WRITTEN_LAST, 0, sizeof(WRITTEN_LAST))

cdef extern from *:
    """
    #if defined(__GNUC__)   /* room is nearly always there: what is done when not, stays out of the way */
    struct cmpcodec_buffer;
    static int cmpcodec_widen(struct cmpcodec_buffer *, size_t) __attribute__((noinline, cold));
    #endif
    """

cdef struct Buffer "cmpcodec_buffer":
    uint8_t* at         # the first of the octets written so far
    uint8_t* end        # behind the last of them
    uint8_t* base       # where there is no more room in front
    uint8_t local[LOCAL_OCTETS]


cdef inline void _open_buffer(Buffer* b) noexcept nogil:
    b.base = b.local
    b.at = b.end = b.local + LOCAL_OCTETS


cdef inline void _close_buffer(Buffer* b) noexcept nogil:
    if b.base != b.local:
        free(b.base)
        b.base = b.local


cdef inline size_t _written(const Buffer* b) noexcept nogil:
    return b.end - b.at


cdef int _widen "cmpcodec_widen"(Buffer* b, size_t more) except -1:
    cdef size_t used = _written(b)
    cdef size_t size = 2 * (used + more)
    cdef uint8_t* base = <uint8_t*>malloc(size)
    if base == NULL:
        raise MemoryError
    memcpy(base + size - used, b.at, used)
    _close_buffer(b)
    b.base = base
    b.end = base + size
    b.at = b.end - used
    return 0


cdef inline int _make_way(Buffer* b, size_t n) except -1:
    # Room for n octets at b.at - n.
    return _widen(b, n) if n > <size_t>(b.at - b.base) else 0


cdef inline int _put(Buffer* b, const void* octets, size_t n) except -1:
    _make_way(b, n)
    b.at -= n
    memcpy(b.at, octets, n)
    return FINE


cdef inline int _put_octet(Buffer* b, uint8_t octet) except -1:
    _make_way(b, 1)
    b.at -= 1
    b.at[0] = octet
    return FINE


cdef inline int _put_header(Buffer* b, uint8_t tag, size_t length) except -1:
    cdef uint8_t* first
    if length > MAX_INPUT:
        return UNFIT
    _make_way(b, 6)
    if length < 0x80:
        b.at -= 1
        b.at[0] = <uint8_t>length
    else:
        first = b.at
        while length:
            b.at -= 1
            b.at[0] = length & 0xFF
            length >>= 8
        b.at -= 1
        b.at[0] = 0x80 | <uint8_t>(first - b.at - 1)
    b.at -= 1
    b.at[0] = tag
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


cdef int _put_named_bits(Buffer* b, const COp* op, object value) except -1:
    cdef int64_t number
    cdef int overflow = 0, n = 0, bit, unused = 0
    cdef uint8_t octet = 0
    if not isinstance(value, int) or isinstance(value, bool):
        return UNFIT
    number = PyLong_AsLongLongAndOverflow(value, &overflow)
    if overflow:
        return _put_slowly(b, op, value)
    if number < 0:
        return UNFIT
    while n < 8 and number >> (8 * n):
        n += 1
    if number:
        while not number >> (8 * n - 1 - unused) & 1:
            unused += 1
    while n:
        n -= 1
        octet = 0
        for bit in range(8):
            if number >> (8 * n + bit) & 1:
                octet |= 0x80 >> bit
        _put_octet(b, octet)
    return _put_octet(b, <uint8_t>unused)


cdef int _put_bits(Buffer* b, const COp* op, object value) except -1:
    cdef bytes data
    cdef int64_t unused
    cdef int overflow = 0
    cdef Py_ssize_t n
    if op.named != NULL:
        return _put_named_bits(b, op, value)
    if type(value) is not BitString or PyTuple_GET_SIZE(value) != 2:
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
    cdef WrittenOid* last = &WRITTEN_LAST[_place_of(<PyObject*>value, WRITTEN)]
    cdef PyObject* found
    cdef bytes octets
    if last.text == <PyObject*>value:
        return _put(b, PyBytes_AS_STRING(<object>last.octets), PyBytes_GET_SIZE(<object>last.octets))
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
    if len(octets) <= MAX_KNOWN_OID_OCTETS:
        _exchange(&last.octets, octets)
        _exchange(&last.text, value)
    return _put(b, PyBytes_AS_STRING(octets), PyBytes_GET_SIZE(octets))


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
    if op.tag == TAG_UTF8 or op.tag == TAG_IA5:
        if _check_size(op, n) != FINE:
            return UNFIT
    elif n > MAX_INPUT or _check_text(op, data, <uint32_t>n) != FINE:
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
