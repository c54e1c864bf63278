# Fences for sanitized builds: octets that a step has no business with are poisoned while it works, so that
# AddressSanitizer sees an access one octet too far, even inside an object. In every other build nothing is left of them.

cdef extern from *:
    """
    #if defined(__SANITIZE_ADDRESS__)
    #define CMPCODEC_SANITIZED 1
    #elif defined(__has_feature)
    #if __has_feature(address_sanitizer)
    #define CMPCODEC_SANITIZED 1
    #endif
    #endif
    #ifdef CMPCODEC_SANITIZED
    #include <sanitizer/asan_interface.h>
    #define CMPCODEC_FENCE(at, size) ASAN_POISON_MEMORY_REGION(at, size)
    #define CMPCODEC_OPEN(at, size) ASAN_UNPOISON_MEMORY_REGION(at, size)
    #else
    #define CMPCODEC_SANITIZED 0
    #define CMPCODEC_FENCE(at, size) ((void)(at), (void)(size))
    #define CMPCODEC_OPEN(at, size) ((void)(at), (void)(size))
    #endif
    """
    const bint SANITIZED "CMPCODEC_SANITIZED"
    void _fence "CMPCODEC_FENCE"(const void* at, size_t size) noexcept nogil
    void _open "CMPCODEC_OPEN"(const void* at, size_t size) noexcept nogil
