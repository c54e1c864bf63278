# Primitive contents: check them (in the order of reference/leaves.py, so that the same flaw counts), read them.

cdef enum:
    FINE = 0
    REFUSED = 1
    LIMITED = 2     # well-formed, but more than is allowed
    NO_MEMORY = 3

cdef enum:
    MAX_INTEGER_OCTETS = 2048
    MAX_OID_OCTETS = 512
    MAX_OID_ARCS = 128
    MAX_ARC_OCTETS = 20
    MAX_TAG_OCTETS = 4
    MAX_TIME_OCTETS = 40
    MAX_INPUT = 0x7FFFFFFF
    MAX_DEPTH = 1024
    MAX_PLAIN_LEVELS = 64

if (_values.MAX_INTEGER_OCTETS, _values.MAX_OID_OCTETS, _values.MAX_OID_ARCS, _values.MAX_ARC_OCTETS,
        _values.MAX_TAG_OCTETS, _values.MAX_INPUT, _values.MAX_DEPTH, _values.MAX_PLAIN_LEVELS) != (
        MAX_INTEGER_OCTETS, MAX_OID_OCTETS, MAX_OID_ARCS, MAX_ARC_OCTETS, MAX_TAG_OCTETS, MAX_INPUT, MAX_DEPTH,
        MAX_PLAIN_LEVELS):
    raise ImportError("the compiled engine was built for other limits than values.py states; build it again")

cdef enum:
    TAG_UTF8 = 0x0C
    TAG_NUMERIC = 0x12
    TAG_PRINTABLE = 0x13
    TAG_TELETEX = 0x14
    TAG_IA5 = 0x16
    TAG_UTC_TIME = 0x17
    TAG_VISIBLE = 0x1A
    TAG_UNIVERSAL = 0x1C
    TAG_BMP = 0x1E

cdef uint8_t PRINTABLE[256]
memset(PRINTABLE, 0, 256)
cdef int _octet
for _octet in range(256):
    PRINTABLE[_octet] = _octet in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?"

cdef object UTC = _timezone.utc
cdef object BitString = _values.BitString
cdef object ObjectIdentifier = _values.ObjectIdentifier

cdef extern from *:
    # tuple.__new__ and int.__new__ without what they check of their caller
    object _new_tuple "PyTuple_Type.tp_new"(PyTypeObject* cls, tuple args, void* none)
    object PyUnicode_New(Py_ssize_t size, int highest)
    void* PyUnicode_1BYTE_DATA(object text) noexcept
    object _new_int "PyLong_Type.tp_new"(PyTypeObject* cls, tuple args, void* none)

cdef enum:
    KNOWN_OIDS = 1024           # a power of two
    MAX_KNOWN_OID_OCTETS = 23

cdef struct KnownOid:
    PyObject* value             # an ObjectIdentifier; NULL: empty
    uint8_t size
    uint8_t content[MAX_KNOWN_OID_OCTETS]

cdef KnownOid OIDS[KNOWN_OIDS]  # those met last, each in the one place that its octets choose: what a peer can fill
memset(OIDS, 0, sizeof(OIDS))


cdef inline int _check_integer(const uint8_t* p, uint32_t n) noexcept nogil:
    if n == 0:
        return REFUSED
    if n > MAX_INTEGER_OCTETS:
        return LIMITED
    if n > 1 and ((p[0] == 0 and p[1] < 0x80) or (p[0] == 0xFF and p[1] >= 0x80)):
        return REFUSED
    return FINE


cdef inline int _check_bits(const COp* op, const uint8_t* p, uint32_t n) noexcept nogil:
    cdef uint8_t unused
    if n == 0:
        return REFUSED
    if op.named != NULL and n > MAX_INTEGER_OCTETS:
        return LIMITED
    unused = p[0]
    if unused > 7 or (unused and n == 1):
        return REFUSED
    if n > 1:
        if p[n - 1] & ((1 << unused) - 1):
            return REFUSED
        if op.named != NULL and not (p[n - 1] >> unused) & 1:
            return REFUSED
    return FINE


cdef inline int _check_oid(const uint8_t* p, uint32_t n) noexcept nogil:
    cdef uint32_t at, arc = 0, arcs = 0
    if n == 0:
        return REFUSED
    if n <= MAX_ARC_OCTETS:     # too short for any limit
        if p[0] == 0x80 or p[n - 1] >= 0x80:
            return REFUSED
        for at in range(1, n):
            if p[at] == 0x80 and p[at - 1] < 0x80:
                return REFUSED
        return FINE
    if n > MAX_OID_OCTETS:
        return LIMITED
    for at in range(n):
        if at == arc:
            if p[at] == 0x80:
                return REFUSED
        elif at - arc == MAX_ARC_OCTETS:
            return LIMITED
        if p[at] < 0x80:
            arcs += 1
            arc = at + 1
            if arcs > MAX_OID_ARCS:
                return LIMITED
    return FINE if arc == n else REFUSED


cdef int64_t _utf8_characters(const uint8_t* p, uint32_t n) noexcept nogil:
    # Number of characters, -1 if it is not valid UTF-8 (Unicode 15, table 3-7).
    cdef uint32_t i = 0
    cdef int64_t count = 0
    cdef uint8_t c, low, high
    cdef int more
    while i < n:
        c = p[i]
        i += 1
        count += 1
        if c < 0x80:
            continue
        low = 0x80
        high = 0xBF
        if 0xC2 <= c <= 0xDF:
            more = 1
        elif 0xE0 <= c <= 0xEF:
            more = 2
            if c == 0xE0:
                low = 0xA0
            elif c == 0xED:
                high = 0x9F
        elif 0xF0 <= c <= 0xF4:
            more = 3
            if c == 0xF0:
                low = 0x90
            elif c == 0xF4:
                high = 0x8F
        else:
            return -1
        while more:
            if i >= n or p[i] < low or p[i] > high:
                return -1
            low = 0x80
            high = 0xBF
            i += 1
            more -= 1
    return count


cdef int _check_text(const COp* op, const uint8_t* p, uint32_t n) noexcept nogil:
    cdef uint32_t i, point
    cdef int64_t characters = n
    if op.tag == TAG_UTF8:
        characters = _utf8_characters(p, n)
        if characters < 0:
            return REFUSED
    elif op.tag == TAG_PRINTABLE:
        for i in range(n):
            if not PRINTABLE[p[i]]:
                return REFUSED
    elif op.tag == TAG_IA5:
        for i in range(n):
            if p[i] >= 0x80:
                return REFUSED
    elif op.tag == TAG_VISIBLE:
        for i in range(n):
            if p[i] < 0x20 or p[i] > 0x7E:
                return REFUSED
    elif op.tag == TAG_NUMERIC:
        for i in range(n):
            if p[i] != 0x20 and (p[i] < 0x30 or p[i] > 0x39):
                return REFUSED
    elif op.tag == TAG_BMP:
        if n & 1:
            return REFUSED
        characters = n // 2
        i = 0
        while i < n:
            if p[i] & 0xF8 == 0xD8:
                return REFUSED
            i += 2
    elif op.tag == TAG_UNIVERSAL:
        if n & 3:
            return REFUSED
        characters = n // 4
        i = 0
        while i < n:
            point = (<uint32_t>p[i] << 24) | (<uint32_t>p[i + 1] << 16) | (<uint32_t>p[i + 2] << 8) | p[i + 3]
            if 0xD800 <= point <= 0xDFFF or point > 0x10FFFF:
                return REFUSED
            i += 4
    return _check_size(op, characters)


cdef inline int _check_size(const COp* op, int64_t count) noexcept nogil:
    if op.sized and (count < op.low or (op.high >= 0 and count > op.high)):
        return REFUSED
    return FINE


cdef struct Moment:
    int year
    int month
    int day
    int hour
    int minute
    int second
    int microsecond
    int zone            # minutes east of UTC
    uint8_t zoned       # written as an offset


cdef inline int _digits(const uint8_t* p, int n) noexcept nogil:
    # The number that n digits say, -1 if one is no digit.
    cdef int value = 0, i
    for i in range(n):
        if p[i] < 0x30 or p[i] > 0x39:
            return -1
        value = 10 * value + (p[i] - 0x30)
    return value


cdef int _moment(const COp* op, const uint8_t* p, uint32_t n, bint offsets, Moment* m) noexcept nogil:
    # Check and take apart a UTCTime or GeneralizedTime.
    cdef uint32_t at, fraction = 0
    cdef int scale, hours, minutes, days
    if n > MAX_TIME_OCTETS:
        return REFUSED
    memset(m, 0, sizeof(Moment))
    if op.tag == TAG_UTC_TIME:
        if n != 13 or p[12] != c"Z":
            return REFUSED
        m.year = _digits(p, 2)
        if m.year < 0:
            return REFUSED
        m.year += 2000 if m.year < 50 else 1900
        at = 2
    else:
        if n < 15:
            return REFUSED
        m.year = _digits(p, 4)
        at = 4
    m.month = _digits(p + at, 2)
    m.day = _digits(p + at + 2, 2)
    m.hour = _digits(p + at + 4, 2)
    m.minute = _digits(p + at + 6, 2)
    m.second = _digits(p + at + 8, 2)
    if m.year < 0 or m.month < 0 or m.day < 0 or m.hour < 0 or m.minute < 0 or m.second < 0:
        return REFUSED
    at += 10
    if op.tag != TAG_UTC_TIME:
        if p[at] == c".":
            at += 1
            scale = 100000
            while at < n and 0x30 <= p[at] <= 0x39:
                m.microsecond += scale * (p[at] - 0x30)
                scale //= 10
                fraction += 1
                at += 1
            if fraction == 0 or p[at - 1] == 0x30:
                return REFUSED
        if at >= n:
            return REFUSED
        if p[at] == c"Z":
            if at + 1 != n:
                return REFUSED
        elif p[at] == c"+" or p[at] == c"-":
            if at + 5 != n:
                return REFUSED
            hours = _digits(p + at + 1, 2)
            minutes = _digits(p + at + 3, 2)
            if hours < 0 or minutes < 0 or not offsets:
                return REFUSED
            m.zone = 60 * hours + minutes
            m.zoned = 1
            if fraction <= 6 and (hours > 23 or minutes > 59):
                return REFUSED
            if p[at] == c"-":
                m.zone = -m.zone
        else:
            return REFUSED
        if fraction > 6:
            return LIMITED
    if m.year < 1 or m.month < 1 or m.month > 12 or m.day < 1 or m.hour > 23 or m.minute > 59 or m.second > 59:
        return REFUSED
    if m.month == 2:
        days = 29 if m.year % 4 == 0 and (m.year % 100 != 0 or m.year % 400 == 0) else 28
    elif m.month == 4 or m.month == 6 or m.month == 9 or m.month == 11:
        days = 30
    else:
        days = 31
    return FINE if m.day <= days else REFUSED


cdef inline int _check_leaf(const COp* op, const uint8_t* p, uint32_t n, bint offsets) noexcept nogil:
    cdef Moment moment
    if op.kind == INTEGER:
        return _check_integer(p, n)
    if op.kind == OCTETS:
        return _check_size(op, n)
    if op.kind == OID:
        return _check_oid(p, n)
    if op.kind == BITS:
        return _check_bits(op, p, n)
    if op.kind == TEXT:
        return _check_text(op, p, n)
    if op.kind == TIME:
        return _moment(op, p, n, offsets, &moment)
    if op.kind == NULL_:
        return FINE if n == 0 else REFUSED
    return FINE if n == 1 and (p[0] == 0 or p[0] == 0xFF) else REFUSED     # BOOLEAN


# --- read: the octets have been checked -----------------------------------------------------------------------------


cdef object _read_integer(const COp* op, const uint8_t* p, uint32_t n):
    cdef uint64_t bits
    cdef uint32_t i
    cdef PyObject* found
    if n <= 8:
        bits = <uint64_t>-1 if p[0] & 0x80 else 0
        for i in range(n):
            bits = (bits << 8) | p[i]
        value = <int64_t>bits
    else:
        value = int.from_bytes(PyBytes_FromStringAndSize(<char*>p, n), "big", signed=True)
    if op.named != NULL:
        found = _find(<dict>op.named, value)
        if found != NULL:
            return <object>found
    return value


cdef object _read_bits(const COp* op, const uint8_t* p, uint32_t n):
    cdef uint64_t value = 0
    cdef uint32_t i, bit
    if op.named == NULL:
        return _new_tuple(<PyTypeObject*>BitString, ((PyBytes_FromStringAndSize(<char*>p + 1, n - 1), p[0]),), NULL)
    if n <= 9:
        for i in range(1, n):
            for bit in range(8):
                if p[i] & (0x80 >> bit):
                    value |= <uint64_t>1 << (8 * (i - 1) + bit)
        return _new_int(<PyTypeObject*>op.named, (value,), NULL)
    return _slow.read_bits(<object>op.op, PyBytes_FromStringAndSize(<char*>p, n), 0, n)


cdef object _read_oid(const COp* op, const uint8_t* p, uint32_t n):
    cdef KnownOid* known
    cdef uint32_t i, place = n
    if n > MAX_KNOWN_OID_OCTETS:
        return _slow.read_oid(<object>op.op, PyBytes_FromStringAndSize(<char*>p, n), 0, n)
    for i in range(n):
        place = 31 * place + p[i]
    known = &OIDS[(place ^ (place >> 10)) & (KNOWN_OIDS - 1)]
    if known.value == NULL or known.size != n or memcmp(known.content, p, n) != 0:
        oid = _slow.read_oid(<object>op.op, PyBytes_FromStringAndSize(<char*>p, n), 0, n)
        Py_INCREF(oid)
        Py_XDECREF(known.value)
        known.value = <PyObject*>oid
        known.size = <uint8_t>n
        memcpy(known.content, p, n)
    return <object>known.value


cdef inline bint _is_ascii(const uint8_t* p, uint32_t n) noexcept nogil:
    cdef uint64_t eight, all = 0
    while n >= 8:
        memcpy(&eight, p, 8)
        all |= eight
        p += 8
        n -= 8
    while n:
        n -= 1
        all |= p[n]
    return not all & <uint64_t>0x8080808080808080


cdef object _read_text(const COp* op, const uint8_t* p, uint32_t n):
    if op.tag != TAG_BMP and op.tag != TAG_UNIVERSAL and n > 1 and _is_ascii(p, n):
        text = PyUnicode_New(n, 0x7F)   # what the decoders would come to, after more questions
        memcpy(PyUnicode_1BYTE_DATA(text), p, n)
        return text
    if op.tag == TAG_UTF8:
        return PyUnicode_DecodeUTF8(<char*>p, n, NULL)
    if op.tag == TAG_TELETEX:
        return PyUnicode_DecodeLatin1(<char*>p, n, NULL)
    if op.tag == TAG_BMP or op.tag == TAG_UNIVERSAL:
        return _slow.read_text(<object>op.op, PyBytes_FromStringAndSize(<char*>p, n), 0, n)
    return PyUnicode_DecodeASCII(<char*>p, n, NULL)


cdef object _read_time(const COp* op, const uint8_t* p, uint32_t n):
    cdef Moment m
    if _moment(op, p, n, True, &m) != FINE or m.zoned:
        return _slow.read_time(<object>op.op, PyBytes_FromStringAndSize(<char*>p, n), 0, n)
    return datetime_new(m.year, m.month, m.day, m.hour, m.minute, m.second, m.microsecond, UTC)


cdef object _read_octets(const COp* op, const uint8_t* p, uint32_t n):
    return PyBytes_FromStringAndSize(<char*>p, n)


cdef object _read_boolean(const COp* op, const uint8_t* p, uint32_t n):
    return p[0] != 0


cdef Reader READERS[BOOLEAN + 1]    # by kind; values of the others are records
memset(READERS, 0, sizeof(READERS))
READERS[INTEGER] = _read_integer
READERS[OCTETS] = _read_octets
READERS[BITS] = _read_bits
READERS[OID] = _read_oid
READERS[TEXT] = _read_text
READERS[TIME] = _read_time
READERS[BOOLEAN] = _read_boolean
