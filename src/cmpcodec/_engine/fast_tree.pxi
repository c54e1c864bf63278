# DER -> checked nodes, without recursion: the children of the first unfinished node are placed one after the other,
# then those of the next. So children of a node are neighbours, and the array is its own queue.

cdef struct Node:
    uint32_t start      # of the TLV, behind any EXPLICIT tag
    uint32_t end
    uint32_t child      # number of the first child
    uint32_t count      # SEQUENCE: bit k is set if component k is there; CHOICE: number of the alternative; OF: elements
    uint16_t op
    uint16_t depth      # TLVs from the outside to here
    uint8_t header      # octets of tag and length
    uint8_t nest        # ancestors, itself included, of a type that limits its nesting
    uint8_t kind        # of the op

cdef enum:
    LOCAL_NODES = 160

cdef struct Growth:
    const uint8_t* data
    Node* nodes
    uint32_t count
    uint32_t capacity
    uint32_t room           # the smaller of capacity and max_nodes
    uint32_t max_nodes
    uint32_t max_depth
    int64_t max_repeat      # -1: the schema's own bounds
    bint trusted            # no bound on nesting
    bint offsets            # leniency: time-offset
    Node local[LOCAL_NODES]


cdef inline int _header(const uint8_t* data, uint32_t pos, uint32_t end, uint32_t* content, uint32_t* stop) noexcept nogil:
    # Identifier and length octets at pos < end; the common short form first.
    cdef uint32_t length
    if end - pos > 1 and data[pos] & 0x1F != 0x1F and data[pos] & 0xDF != 0:
        length = data[pos + 1]
        if length < 0x80:
            content[0] = pos + 2
            stop[0] = pos + 2 + length
            return FINE if length <= end - pos - 2 else REFUSED
    return _long_header(data, pos, end, content, stop)


cdef int _long_header(const uint8_t* data, uint32_t pos, uint32_t end, uint32_t* content, uint32_t* stop) noexcept nogil:
    cdef uint32_t at = pos + 1, length, count, i
    cdef int verdict
    if data[pos] & 0x1F == 0x1F:
        verdict = _long_tag(data, pos, end, &at)
        if verdict != FINE:
            return verdict
    elif data[pos] & 0xDF == 0:
        return REFUSED
    if at >= end:
        return REFUSED
    length = data[at]
    at += 1
    if length >= 0x80:
        count = length & 0x7F
        if count == 0 or count > 4 or count > end - at or data[at] == 0:
            return REFUSED
        length = 0
        for i in range(count):
            length = (length << 8) | data[at + i]
        if length < 0x80:
            return REFUSED
        at += count
    if length > end - at:
        return REFUSED
    content[0] = at
    stop[0] = at + length
    return FINE


cdef int _long_tag(const uint8_t* data, uint32_t pos, uint32_t end, uint32_t* behind) noexcept nogil:
    cdef uint32_t at = pos + 1
    while at < end and data[at] >= 0x80:
        if at - pos == MAX_TAG_OCTETS:
            return LIMITED
        at += 1
    if at < end and (data[pos + 1] == 0x80 or (at == pos + 1 and data[at] < 0x1F)):
        return REFUSED
    behind[0] = at + 1
    return FINE


cdef int _make_room(Growth* g) noexcept nogil:
    cdef Node* nodes
    cdef uint64_t capacity = g.capacity + <uint64_t>g.capacity // 2
    if capacity > MAX_INPUT:
        return NO_MEMORY
    if g.nodes == g.local:
        nodes = <Node*>malloc(capacity * sizeof(Node))
        if nodes != NULL:
            memcpy(nodes, g.local, sizeof(g.local))
    else:
        nodes = <Node*>realloc(g.nodes, capacity * sizeof(Node))
    if nodes == NULL:
        return NO_MEMORY
    g.nodes = nodes
    g.capacity = <uint32_t>capacity
    g.room = min(g.capacity, g.max_nodes)
    return FINE


cdef inline int _place(Growth* g, const CPart* part, uint32_t pos, uint32_t end, uint32_t depth, uint32_t nest) noexcept nogil:
    # Make the node of the value at pos, which has to be a `part` and to fit before end.
    cdef const uint8_t* data = g.data
    cdef const COp* op = part.op
    cdef uint32_t content, stop, inner, start = pos
    cdef uint8_t octet
    cdef int verdict
    cdef Node* node
    if pos >= end or not _announces(part, data[pos]):
        return REFUSED
    verdict = _header(data, pos, end, &content, &stop)
    if verdict != FINE:
        return verdict
    if part.outer:
        depth += 1
        start = content
        if start >= stop:
            return REFUSED
        octet = data[start]
        if op.kind == CHOICE:
            if op.select[octet] == NOWHERE:
                return REFUSED
        elif part.tag and octet != part.tag:
            return REFUSED
        verdict = _header(data, start, stop, &content, &inner)
        if verdict != FINE:
            return verdict
        if inner != stop:
            return REFUSED
    if op.kind != CHOICE:
        depth += 1
    if g.count >= g.room:
        if g.count == g.max_nodes:
            return LIMITED
        verdict = _make_room(g)
        if verdict != FINE:
            return verdict
    if depth > g.max_depth:
        return LIMITED
    if op.nesting:
        if nest < 0xFF:
            nest += 1
        if nest > op.nesting and not g.trusted:
            return LIMITED
    node = &g.nodes[g.count]
    g.count += 1
    node.start = start
    node.end = stop
    node.child = 0
    node.count = 0
    node.op = op.id
    node.depth = <uint16_t>depth
    node.header = <uint8_t>(content - start)
    node.nest = <uint8_t>nest
    node.kind = op.kind
    if op.kind > CHOICE:
        if op.kind == ANY:
            octet = data[start]
            if octet < 0x40 and octet & 0x1F != 0x1F:
                if (octet & 0x20 != 0) != ((<uint32_t>0x20030900 >> (octet & 0x1F)) & 1):
                    return REFUSED
        else:
            verdict = _check_leaf(op, data + content, stop - content, g.offsets)
            if verdict != FINE:
                return verdict
    if part.default_size >= 0 and stop - content == <uint32_t>part.default_size:
        if memcmp(data + content, part.default_content, part.default_size) == 0:
            return REFUSED
    return FINE


cdef int _grow_sequence(Growth* g, uint32_t number) noexcept nogil:
    cdef Node* node = &g.nodes[number]
    cdef const COp* op = OPS[node.op]
    cdef uint32_t pos = node.start + node.header, end = node.end, k = 0, present = 0, depth = node.depth, nest = node.nest
    cdef int verdict
    node.child = g.count
    while pos < end:
        while k < op.size and op.parts[k].optional and not _announces(&op.parts[k], g.data[pos]):
            k += 1
        if k == op.size:
            return REFUSED
        verdict = _place(g, &op.parts[k], pos, end, depth, nest)
        if verdict != FINE:
            return verdict
        pos = g.nodes[g.count - 1].end
        present |= <uint32_t>1 << k
        k += 1
    while k < op.size:
        if not op.parts[k].optional:
            return REFUSED
        k += 1
    g.nodes[number].count = present
    return FINE


cdef int _grow_choice(Growth* g, uint32_t number) noexcept nogil:
    cdef Node* node = &g.nodes[number]
    cdef const COp* op = OPS[node.op]
    cdef uint8_t alternative = op.select[g.data[node.start]]
    node.child = g.count
    node.count = alternative
    return _place(g, &op.parts[alternative], node.start, node.end, node.depth, node.nest)


cdef int _grow_repeated(Growth* g, uint32_t number) noexcept nogil:
    cdef Node* node = &g.nodes[number]
    cdef const COp* op = OPS[node.op]
    cdef uint32_t pos = node.start + node.header, end = node.end, depth = node.depth, nest = node.nest
    cdef uint32_t before = 0, before_end = 0, next
    cdef int64_t count = 0, bound = op.limit if g.max_repeat < 0 else g.max_repeat
    cdef int verdict, order
    node.child = g.count
    while pos < end:
        if count == op.high:
            return REFUSED
        if count == bound:
            return LIMITED
        verdict = _place(g, &op.parts[0], pos, end, depth, nest)
        if verdict != FINE:
            return verdict
        next = g.nodes[g.count - 1].end
        if op.kind == SET_OF:
            if count:
                order = memcmp(g.data + before, g.data + pos, min(before_end - before, next - pos))
                if order > 0 or (order == 0 and before_end - before > next - pos):
                    return REFUSED
            before = pos
            before_end = next
        count += 1
        pos = next
    if count < op.low:
        return REFUSED
    g.nodes[number].count = <uint32_t>count
    return FINE


cdef int _grow(Growth* g, const CPart* part, uint32_t start, uint32_t end, uint32_t depth, uint32_t nest) noexcept nogil:
    # Check that data[start:end] is exactly one `part`. The nodes are the caller's to free, whatever the verdict.
    cdef uint32_t number = 0
    cdef uint8_t kind
    cdef int verdict
    g.capacity = LOCAL_NODES
    g.room = min(g.capacity, g.max_nodes)
    if start >= end:
        return REFUSED
    verdict = _place(g, part, start, end, depth, nest)
    if verdict == FINE and g.nodes[0].end != end:
        return REFUSED
    while verdict == FINE and number < g.count:
        kind = g.nodes[number].kind
        if kind <= CHOICE:
            if kind == SEQUENCE:
                verdict = _grow_sequence(g, number)
            elif kind == CHOICE:
                verdict = _grow_choice(g, number)
            else:
                verdict = _grow_repeated(g, number)
        number += 1
    return verdict


cdef inline void _release(Growth* g) noexcept nogil:
    if g.nodes != g.local:
        free(g.nodes)
        g.nodes = g.local


cdef inline uint32_t _clamped(object number, uint32_t most) except? 0xFFFFFFFF:
    # A limit that a caller gave, as far as it matters.
    if number >= most:
        return most
    return <uint32_t>number if number > 0 else 0


cdef object TIME_OFFSET = _values.TIME_OFFSET
cdef object UNLIMITED = _tree.UNLIMITED
cdef object DEFAULT_LIMITS = _explained._DEFAULT_LIMITS
cdef uint32_t DEFAULT_SIZE = DEFAULT_LIMITS.max_size
cdef uint32_t DEFAULT_DEPTH = DEFAULT_LIMITS.max_depth
cdef uint32_t DEFAULT_NODES = DEFAULT_LIMITS.max_nodes
if DEFAULT_LIMITS.max_repeat is not None:
    raise ImportError("the compiled engine takes the default of max_repeat for None")


cdef int _limit(Growth* g, object limits, object allow) except -1:
    # Take over limits and leniencies; from here on _release is safe. Returns -1 with an exception set.
    g.nodes = g.local
    g.count = 0
    g.trusted = False
    g.offsets = False
    if limits is DEFAULT_LIMITS:
        g.max_depth = DEFAULT_DEPTH
        g.max_nodes = DEFAULT_NODES
        g.max_repeat = -1
    elif limits is UNLIMITED:
        g.max_depth = MAX_DEPTH
        g.max_nodes = MAX_INPUT
        g.max_repeat = MAX_INPUT
        g.trusted = True
    else:
        g.max_depth = _clamped(limits.max_depth, MAX_DEPTH)
        g.max_nodes = _clamped(limits.max_nodes, MAX_INPUT)
        g.max_repeat = -1 if limits.max_repeat is None else _clamped(limits.max_repeat, MAX_INPUT)
    if allow:
        g.offsets = TIME_OFFSET in allow
    return 0
