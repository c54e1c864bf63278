# DER -> checked nodes, without recursion: the children of the first unfinished node are placed one after the other,
# then those of the next. So children of a node are neighbours, and the array is its own queue.

cdef struct Node:
    uint32_t start      # of the TLV, behind any EXPLICIT tag
    uint32_t end
    uint32_t child      # how many nodes further on the first child is
    uint32_t count      # SEQUENCE: bit k is set if component k is there; CHOICE: number of the alternative; OF: elements
    uint16_t op
    uint16_t depth      # TLVs from the outside to here
    uint8_t header      # octets of tag and length
    uint8_t nest        # ancestors, itself included, of a type that limits its nesting
    uint8_t kind        # of the op

cdef enum:
    LOCAL_NODES = 160

cdef struct Bounds:
    uint32_t max_nodes
    uint32_t max_depth
    int64_t max_repeat      # -1: the schema's own bounds
    bint trusted            # no bound on nesting
    bint offsets            # leniency: time-offset

cdef struct Growth:
    const uint8_t* data
    size_t size         # octets of the data, of which a part is worked on
    Node* nodes
    uint32_t count
    uint32_t capacity
    uint32_t room           # the smaller of capacity and max_nodes
    Bounds bounds
    Node local[LOCAL_NODES]


cdef inline int _header(const uint8_t* data, uint32_t pos, uint32_t end, uint32_t* content, uint32_t* stop) noexcept nogil:
    # A one-octet tag, which the caller has looked at, and length octets at pos < end.
    cdef uint32_t length
    if end - pos < 2:
        return REFUSED
    length = data[pos + 1]
    if length >= 0x80:
        return _long_length(data, pos + 1, end, content, stop)
    content[0] = pos + 2
    stop[0] = pos + 2 + length
    return FINE if length <= end - pos - 2 else REFUSED


cdef int _long_length(const uint8_t* data, uint32_t at, uint32_t end, uint32_t* content, uint32_t* stop) noexcept nogil:
    cdef uint32_t length = 0, count = data[at] & 0x7F, i
    at += 1
    if count == 2 and end - at > 2:     # what keys, signatures and whole messages have
        length = (<uint32_t>data[at] << 8) | data[at + 1]
        content[0] = at + 2
        stop[0] = at + 2 + length
        return FINE if length > 0xFF and length <= end - at - 2 else REFUSED
    if count == 0 or count > 4 or count > end - at or data[at] == 0:
        return REFUSED
    for i in range(count):
        length = (length << 8) | data[at + i]
    at += count
    if length < 0x80 or length > end - at:
        return REFUSED
    content[0] = at
    stop[0] = at + length
    return FINE


cdef int _any_header(const uint8_t* data, uint32_t pos, uint32_t end, uint32_t* content, uint32_t* stop) noexcept nogil:
    # Any tag, and length octets at pos < end.
    cdef uint32_t at = pos
    cdef int verdict
    if data[pos] & 0x1F == 0x1F:
        verdict = _long_tag(data, pos, end, &at)
        if verdict != FINE:
            return verdict
        if at >= end:
            return REFUSED
    elif data[pos] & 0xDF == 0:
        return REFUSED
    return _header(data, at, end, content, stop)


cdef int _long_tag(const uint8_t* data, uint32_t pos, uint32_t end, uint32_t* last) noexcept nogil:
    cdef uint32_t at = pos + 1
    while at < end and data[at] >= 0x80:
        if at - pos == MAX_TAG_OCTETS:
            return LIMITED
        at += 1
    if at < end and (data[pos + 1] == 0x80 or (at == pos + 1 and data[at] < 0x1F)):
        return REFUSED
    last[0] = at
    return FINE


cdef int _make_room(Growth* g) noexcept:
    cdef Node* nodes
    # Large steps leave little behind; octets that are never written cost nothing, and _source gives the rest back.
    cdef uint64_t capacity = min(4 * <uint64_t>g.capacity, <uint64_t>g.bounds.max_nodes)
    if capacity > MAX_INPUT:
        return NO_MEMORY
    if g.nodes == g.local:
        nodes = <Node*>PyMem_Malloc(capacity * sizeof(Node))
        if nodes != NULL:
            memcpy(nodes, g.local, sizeof(g.local))
    else:
        nodes = <Node*>PyMem_Realloc(g.nodes, capacity * sizeof(Node))
    if nodes == NULL:
        return NO_MEMORY
    g.nodes = nodes
    g.capacity = <uint32_t>capacity
    g.room = min(g.capacity, g.bounds.max_nodes)
    _fence(&nodes[g.count], (g.capacity - g.count) * sizeof(Node))
    return FINE


cdef int _rare(Growth* g, const CPart* part, uint32_t pos, uint32_t end, uint32_t* start, uint32_t* content, uint32_t* stop) noexcept nogil:
    # The header of a part with an EXPLICIT tag, or of an ANY.
    cdef const uint8_t* data = g.data
    cdef const COp* op = part.op
    cdef uint32_t inner
    cdef int verdict
    if part.outer:
        verdict = _header(data, pos, end, content, stop)
        if verdict != FINE:
            return verdict
        pos = content[0]
        end = stop[0]
        if pos >= end:
            return REFUSED
        if op.kind == CHOICE:
            if op.select[data[pos]] == NOWHERE:
                return REFUSED
        elif part.tag and data[pos] != part.tag:
            return REFUSED
    start[0] = pos
    verdict = _any_header(data, pos, end, content, &inner)
    if verdict != FINE:
        return verdict
    if part.outer and inner != end:
        return REFUSED
    stop[0] = inner
    return FINE


cdef inline bint _is_der_tag(uint8_t octet) noexcept nogil:
    # Whether a universal type is constructed if and only if DER says so (X.690, 8 and 10.2).
    if octet >= 0x40 or octet & 0x1F == 0x1F:
        return True
    return (octet & 0x20 != 0) == ((<uint32_t>0x20030900 >> (octet & 0x1F)) & 1)


cdef inline int _place(Growth* g, const CPart* part, uint32_t pos, uint32_t end, uint32_t depth, uint32_t nest) noexcept:
    # Make the node of the value at pos < end, which begins like a `part` and has to fit before end.
    cdef const COp* op = part.op
    cdef uint32_t content, stop, start = pos
    cdef int verdict
    cdef Node* node
    if part.rare:
        verdict = _rare(g, part, pos, end, &start, &content, &stop)
    else:
        verdict = _header(g.data, pos, end, &content, &stop)
    if verdict != FINE:
        return verdict
    depth += part.levels
    if g.count >= g.room:
        if g.count == g.bounds.max_nodes:
            return LIMITED
        verdict = _make_room(g)
        if verdict != FINE:
            return verdict
    if depth > g.bounds.max_depth:
        return LIMITED
    if op.nesting:
        if nest < 0xFF:
            nest += 1
        if nest > op.nesting and not g.bounds.trusted:
            return LIMITED
    node = &g.nodes[g.count]
    _open(node, sizeof(Node))
    g.count += 1
    node.start = start
    node.end = stop
    node.op = op.id
    node.depth = <uint16_t>depth
    node.header = <uint8_t>(content - start)
    node.nest = <uint8_t>nest
    node.kind = op.kind
    if op.kind > ANY:
        verdict = _check_leaf(op, g.data + content, stop - content, g.bounds.offsets)
        if verdict != FINE:
            return verdict
    elif op.kind == ANY and not _is_der_tag(g.data[start]):
        return REFUSED
    if part.default_size >= 0 and stop - content == <uint32_t>part.default_size:
        if memcmp(g.data + content, part.default_content, part.default_size) == 0:
            return REFUSED
    return FINE


cdef inline int _place_children(Growth* g, uint32_t number) noexcept:
    # Place all children of a constructed node.
    cdef const uint8_t* data = g.data
    cdef Node* node = &g.nodes[number]
    cdef const COp* op = OPS[node.op]
    cdef const CPart* part = op.parts
    cdef uint32_t end = node.end, depth = node.depth, nest = node.nest
    cdef uint32_t pos = node.start if op.kind == CHOICE else node.start + node.header
    cdef uint32_t before = 0, before_end = 0, first = g.count, present = 0, k = 0
    cdef int64_t bound
    cdef int verdict, order
    while pos < end:
        if op.kind == SEQUENCE:
            while True:
                if k == op.size:
                    return REFUSED
                part = &op.parts[k]
                k += 1
                if _announces(part, data[pos]):
                    break
                if not part.optional:
                    return REFUSED
            present |= <uint32_t>1 << (k - 1)
        elif op.kind == CHOICE:
            present = op.select[data[pos]]
            part = &op.parts[present]
        else:
            bound = op.limit if g.bounds.max_repeat < 0 else g.bounds.max_repeat
            if present == op.high:
                return REFUSED
            if present == bound:
                return LIMITED
            if not _announces(part, data[pos]):
                return REFUSED
            present += 1
        verdict = _place(g, part, pos, end, depth, nest)
        if verdict != FINE:
            return verdict
        before_end = pos
        pos = g.nodes[g.count - 1].end
        if op.kind == SET_OF:
            if present > 1:
                order = memcmp(data + before, data + before_end, min(before_end - before, pos - before_end))
                if order > 0 or (order == 0 and before_end - before > pos - before_end):
                    return REFUSED
            before = before_end
    if k < op.required or (op.kind != SEQUENCE and op.kind != CHOICE and present < op.low):
        return REFUSED
    node = &g.nodes[number]
    node.child = first - number
    node.count = present
    return FINE


cdef int _grow(Growth* g, const CPart* part, uint32_t start, uint32_t end, uint32_t depth, uint32_t nest) noexcept:
    # Check that data[start:end] is exactly one `part`. The nodes are the caller's to free, whatever the verdict.
    cdef int verdict
    cdef size_t behind = g.size + 1 - end       # with the NUL that ends every bytes object
    _fence(g.data + end, behind)
    verdict = _grow_all(g, part, start, end, depth, nest)
    _open(g.data + end, behind)
    return verdict


cdef inline int _grow_all(Growth* g, const CPart* part, uint32_t start, uint32_t end, uint32_t depth, uint32_t nest) noexcept:
    cdef uint32_t number = 0
    cdef int verdict
    g.nodes = g.local
    g.count = 0
    g.capacity = LOCAL_NODES
    g.room = min(g.capacity, g.bounds.max_nodes)
    _fence(g.local, sizeof(g.local))
    if start >= end or not _announces(part, g.data[start]):
        return REFUSED
    verdict = _place(g, part, start, end, depth, nest)
    if verdict != FINE:
        return verdict
    if g.nodes[0].end != end:
        return REFUSED
    while number < g.count:
        if g.nodes[number].kind <= CHOICE:
            verdict = _place_children(g, number)
            if verdict != FINE:
                return verdict
        number += 1
    return FINE


cdef inline void _release(Growth* g) noexcept:
    _open(g.local, sizeof(g.local))
    if g.nodes != g.local:
        PyMem_Free(g.nodes)
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
cdef Bounds DEFAULT_BOUNDS
DEFAULT_BOUNDS.max_nodes = DEFAULT_LIMITS.max_nodes
DEFAULT_BOUNDS.max_depth = DEFAULT_LIMITS.max_depth
DEFAULT_BOUNDS.max_repeat = -1
DEFAULT_BOUNDS.trusted = False
DEFAULT_BOUNDS.offsets = False
if DEFAULT_LIMITS.max_repeat is not None:
    raise ImportError("the compiled engine takes the default of max_repeat for None")


cdef int _limit(Growth* g, object limits, object allow) except -1:
    # Take over limits and leniencies; from here on _release is safe. Returns -1 with an exception set.
    cdef Bounds* bounds = &g.bounds
    g.nodes = g.local
    bounds[0] = DEFAULT_BOUNDS
    if limits is UNLIMITED:
        bounds.max_depth = MAX_DEPTH
        bounds.max_nodes = MAX_INPUT
        bounds.max_repeat = MAX_INPUT
        bounds.trusted = True
    elif limits is not DEFAULT_LIMITS:
        bounds.max_depth = _clamped(limits.max_depth, MAX_DEPTH)
        bounds.max_nodes = _clamped(limits.max_nodes, MAX_INPUT)
        bounds.max_repeat = -1 if limits.max_repeat is None else _clamped(limits.max_repeat, MAX_INPUT)
    if allow:
        bounds.offsets = TIME_OFFSET in allow
    return 0
