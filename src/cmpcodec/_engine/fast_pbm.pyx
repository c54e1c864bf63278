# cython: language_level=3, annotation_typing=False
"""The iterated hash of PasswordBasedMac at the speed of OpenSSL; its specification is `reference/pbm.py`.

Contains no hash function and links none: it calls, without the GIL, the libcrypto that CPython's hashlib has
loaded already. What is missing, fails or disagrees with hashlib is left to hashlib. ADR 0003 says why.
Knows no ASN.1, no MAC and no policy. Every buffer that held something secret is wiped before a call returns.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memset

import os
import sys

from cmpcodec._engine.reference import pbm as _reference

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    #ifdef _WIN32
    static void *pbm_open(const char *file) { (void)file; return NULL; }
    static void *pbm_symbol(void *library, const char *name) { (void)library; (void)name; return NULL; }
    #else
    #include <dlfcn.h>
    #ifndef RTLD_NOLOAD
    #define RTLD_NOLOAD 0   /* then dlopen() finds what is loaded as well */
    #endif
    static void *pbm_open(const char *file) { return dlopen(file, RTLD_LAZY | RTLD_NOLOAD); }
    static void *pbm_symbol(void *library, const char *name) { return dlsym(library, name); }
    #endif

    /* Stores through a volatile pointer are never optimised away. */
    static void pbm_wipe(uint64_t *words, size_t count)
    {
        volatile uint64_t *p = words;
        while (count--)
            *p++ = 0;
    }

    /* Words in host order become big-endian octets; compilers make one byte swap of a word's stores. */
    static inline void pbm_store_32(uint8_t *out, const void *state, int words)
    {
        for (int i = 0; i < words; i++, out += 4) {
            uint32_t w;
            memcpy(&w, (const char *)state + 4 * i, 4);
            out[0] = (uint8_t)(w >> 24); out[1] = (uint8_t)(w >> 16);
            out[2] = (uint8_t)(w >> 8); out[3] = (uint8_t)w;
        }
    }

    static inline void pbm_store_64(uint8_t *out, const void *state, int words)
    {
        for (int i = 0; i < words; i++, out += 8) {
            uint64_t w;
            memcpy(&w, (const char *)state + 8 * i, 8);
            out[0] = (uint8_t)(w >> 56); out[1] = (uint8_t)(w >> 48); out[2] = (uint8_t)(w >> 40);
            out[3] = (uint8_t)(w >> 32); out[4] = (uint8_t)(w >> 24); out[5] = (uint8_t)(w >> 16);
            out[6] = (uint8_t)(w >> 8); out[7] = (uint8_t)w;
        }
    }
    """
    void *pbm_open(const char *file) nogil
    void *pbm_symbol(void *library, const char *name) nogil
    void pbm_wipe(uint64_t *words, size_t count) nogil
    void pbm_store_32(uint8_t *out, const void *state, int words) nogil
    void pbm_store_64(uint8_t *out, const void *state, int words) nogil


ctypedef int (*InitFunction)(void *) noexcept nogil
ctypedef int (*UpdateFunction)(void *, const void *, size_t) noexcept nogil
ctypedef int (*FinalFunction)(uint8_t *, void *) noexcept nogil
ctypedef void (*TransformFunction)(void *, const uint8_t *) noexcept nogil

cdef struct Hash:                   # one one-way function
    int size                        # octets of a digest
    int word                        # octets of a state word: 4, with blocks of 64, or 8, with blocks of 128
    const char *name                # for EVP
    InitFunction init               # the low-level functions; NULL where libcrypto has none
    UpdateFunction update
    FinalFunction final
    TransformFunction transform

cdef struct Libcrypto:              # what is called by every name alike; NULL where libcrypto lacks it
    const char *(*version)(int) noexcept nogil
    int (*fips_3)(void *) noexcept nogil
    int (*fips_1)() noexcept nogil
    void *(*context_new)() noexcept nogil
    void (*context_free)(void *) noexcept nogil
    void *(*fetch)(void *, const char *, const char *) noexcept nogil
    void (*fetch_free)(void *) noexcept nogil
    const void *(*by_name)(const char *) noexcept nogil
    int (*init)(void *, const void *, void *) noexcept nogil
    int (*update)(void *, const void *, size_t) noexcept nogil
    int (*final)(void *, uint8_t *, unsigned int *) noexcept nogil
    int (*mark)() noexcept nogil
    int (*pop_to_mark)() noexcept nogil

cdef struct Work:                   # all that holds something secret, in words of 8 octets to wipe it quickly
    uint64_t context[64]            # SHA512_CTX, the largest, takes 27
    uint64_t start[8]               # the state words that the low-level context begins with
    uint64_t block[16]              # digest, then padding for the transform

cdef Libcrypto crypto
cdef Hash hashes[9]                 # in the order of _FUNCTIONS

TRANSFORM = "libcrypto one-block transform"
EVP = "libcrypto EVP"
HASHLIB = "hashlib"
_FUNCTIONS = {                      # octets of a digest, of a state word, EVP's name, low-level names
    "sha1": (20, 4, b"SHA1", "SHA1", "SHA1"),
    "sha224": (28, 4, b"SHA224", "SHA224", "SHA256"),
    "sha256": (32, 4, b"SHA256", "SHA256", "SHA256"),
    "sha384": (48, 8, b"SHA384", "SHA384", "SHA512"),
    "sha512": (64, 8, b"SHA512", "SHA512", "SHA512"),
    "sha3_224": (28, 0, b"SHA3-224", None, None),
    "sha3_256": (32, 0, b"SHA3-256", None, None),
    "sha3_384": (48, 0, b"SHA3-384", None, None),
    "sha3_512": (64, 0, b"SHA3-512", None, None),
}
_INDEX = {name: index for index, name in enumerate(_FUNCTIONS)}
_CHUNK = 1 << 20                    # iterations between two looks for signals: well under a second


cdef bint by_transform(const Hash *h, Work *work, const void *one, size_t one_size, const void *two,
                       size_t two_size, int64_t times) noexcept nogil:
    """Leave in the block the digest of one and two, hashed times - 1 times more; return if that worked."""
    cdef uint8_t *block = <uint8_t *>work.block
    cdef int last = 63 if h.word == 4 else 127
    if not (h.init(work.context) and h.update(work.context, one, one_size)
            and h.update(work.context, two, two_size) and h.final(block, work.context)
            and h.init(work.context)):
        return False
    memcpy(work.start, work.context, sizeof(work.start))
    memset(block + h.size, 0, sizeof(work.block) - h.size)
    block[h.size] = 0x80                            # the padding of FIPS 180-4; a digest has at most 512 bits
    block[last - 1] = <uint8_t>(h.size >> 5)
    block[last] = <uint8_t>(h.size << 3)
    for _ in range(times - 1):
        memcpy(work.context, work.start, sizeof(work.start))
        h.transform(work.context, block)
        if h.word == 4:
            pbm_store_32(block, work.context, h.size // 4)
        else:
            pbm_store_64(block, work.context, h.size // 8)
    return True


cdef bint by_evp(const Hash *h, Work *work, const void *one, size_t one_size, const void *two,
                 size_t two_size, int64_t times) noexcept nogil:
    """Do what by_transform does, through the interface that every build and provider of OpenSSL has."""
    cdef uint8_t *block = <uint8_t *>work.block
    cdef void *fetched = NULL
    cdef const void *digest
    cdef void *context
    cdef bint done = False
    crypto.mark()                                   # errors left in the thread's queue would be blamed on ssl
    if crypto.fetch != NULL:
        fetched = crypto.fetch(NULL, h.name, NULL)  # anew: the default properties may have changed
        digest = fetched
    else:
        digest = crypto.by_name(h.name)
    context = crypto.context_new()
    if digest != NULL and context != NULL:
        done = (crypto.init(context, digest, NULL) and crypto.update(context, one, one_size)
                and crypto.update(context, two, two_size) and crypto.final(context, block, NULL))
        while done and times > 1:
            times -= 1
            done = (crypto.init(context, digest, NULL) and crypto.update(context, block, h.size)
                    and crypto.final(context, block, NULL))
    crypto.context_free(context)
    if fetched != NULL:
        crypto.fetch_free(fetched)
    crypto.pop_to_mark()
    return done


cdef bint fips() noexcept nogil:
    """Tell whether OpenSSL's user wants validated code only: the low-level functions would go around that."""
    if crypto.fips_3 != NULL:
        return crypto.fips_3(NULL) != 0
    return crypto.fips_1 != NULL and crypto.fips_1() != 0


cdef bytes derive(Work *work, bint low_level, const Hash *h, bytes secret, bytes salt, int64_t left):
    """Return the key, or None when OpenSSL refused; the work area is zero afterwards, whatever happened."""
    cdef const void *one = PyBytes_AS_STRING(secret)
    cdef const void *two = PyBytes_AS_STRING(salt)
    cdef size_t one_size = PyBytes_GET_SIZE(secret)
    cdef size_t two_size = PyBytes_GET_SIZE(salt)
    cdef int64_t times
    cdef int64_t chunk = _CHUNK
    cdef bint done = True
    try:
        while done and left > 0:
            times = min(left, chunk)
            with nogil:
                if low_level:
                    done = by_transform(h, work, one, one_size, two, two_size, times)
                else:
                    done = by_evp(h, work, one, one_size, two, two_size, times)
            left -= times
            one, one_size, two_size = <const void *>work.block, h.size, 0
            PyErr_CheckSignals()
        return (<const uint8_t *>work.block)[:h.size] if done else None
    finally:
        pbm_wipe(<uint64_t *>work, sizeof(Work) // 8)


def _native(route, secret, salt, owf, iterations):
    """Return the key that TRANSFORM or EVP gives for checked arguments, or None where OpenSSL refuses."""
    cdef Work work
    return derive(&work, route == TRANSFORM, &hashes[_INDEX[owf]], secret, salt, iterations)


def _residue(route, secret, salt, owf, iterations):
    """Return what `_native` leaves in its work area: zeros. For the tests."""
    cdef Work work
    memset(&work, 0xAA, sizeof(work))
    derive(&work, route == TRANSFORM, &hashes[_INDEX[owf]], secret, salt, iterations)
    return (<const uint8_t *>&work)[:sizeof(work)]


def pbm_key(secret: bytes, salt: bytes, owf: str, iterations: int) -> bytes:
    """Return the key of a PasswordBasedMac: owf over secret and salt, then again over each digest.

    It is applied `iterations` times in all. Arguments, result and errors are those of the reference engine.
    Other threads run meanwhile; a signal handler gets its turn every million iterations.
    """
    _reference.check(secret, salt, owf, iterations)
    way, *others = _routes[owf]
    if way == TRANSFORM and fips():
        way = others[0]
    key = None if way == HASHLIB else _native(way, secret, salt, owf, iterations)
    return _reference.pbm_key(secret, salt, owf, iterations) if key is None else key


# Binding: once, at import.

cdef void *library = NULL


cdef void look_up(void *function, str name):
    (<void **>function)[0] = pbm_symbol(library, name.encode())


def _find_library():
    """Bind the libcrypto of this process; return its version, or the reason why there is none to use."""
    global library
    cdef bytes path
    extension = sys.modules.get("_hashlib")         # hashlib, imported by the reference engine, has tried it
    if extension is None:
        return None, "this interpreter has no OpenSSL"
    # Without a file, it is part of the interpreter. NULL stands for the program and all that it exports.
    for file in (getattr(extension, "__file__", None), None):
        path = b"" if file is None else os.fsencode(file)
        library = pbm_open(NULL if file is None else PyBytes_AS_STRING(path))
        if library != NULL:
            look_up(&crypto.version, "OpenSSL_version")
        if crypto.version != NULL:
            break
    else:
        return None, "this interpreter keeps its OpenSSL to itself: linked statically, or there is no dlsym"
    version = crypto.version(0).decode()
    look_up(&crypto.fips_3, "EVP_default_properties_is_fips_enabled")
    look_up(&crypto.fips_1, "FIPS_mode")
    look_up(&crypto.context_new, "EVP_MD_CTX_new")
    look_up(&crypto.context_free, "EVP_MD_CTX_free")
    look_up(&crypto.fetch, "EVP_MD_fetch")
    look_up(&crypto.fetch_free, "EVP_MD_free")
    look_up(&crypto.by_name, "EVP_get_digestbyname")
    look_up(&crypto.init, "EVP_DigestInit_ex")
    look_up(&crypto.update, "EVP_DigestUpdate")
    look_up(&crypto.final, "EVP_DigestFinal_ex")
    look_up(&crypto.mark, "ERR_set_mark")
    look_up(&crypto.pop_to_mark, "ERR_pop_to_mark")
    if not version.startswith("OpenSSL "):
        return None, f"{version} is not OpenSSL"    # a fork has the same names, perhaps with other habits
    if (crypto.context_new == NULL or crypto.context_free == NULL or crypto.by_name == NULL
            or (crypto.fetch == NULL) != (crypto.fetch_free == NULL)
            or crypto.init == NULL or crypto.update == NULL or crypto.final == NULL
            or crypto.mark == NULL or crypto.pop_to_mark == NULL):
        return None, f"{version} lacks functions"
    return version, ""


def _agrees(route, owf):
    """Tell whether the route gives hashlib's answers: nothing is believed of it before."""
    try:
        return all(
            _native(route, secret, salt, owf, count) == _reference.pbm_key(secret, salt, owf, count)
            for secret, salt, count in ((b"", b"", 1), (b"secret", bytes(range(200)), 3))
        )
    except ValueError:                              # hashlib itself may not use it, as in FIPS mode
        return False


def _usable(owf):
    """Return the routes that may be taken for `owf`, the best first."""
    cdef Hash *h = &hashes[_INDEX[owf]]
    h.size, h.word, h.name, low, transform = _FUNCTIONS[owf]
    usable = [HASHLIB]
    if _version is not None and _agrees(EVP, owf):
        usable.insert(0, EVP)
    if _version is not None and low is not None and not fips():
        look_up(&h.init, f"{low}_Init")
        look_up(&h.update, f"{low}_Update")
        look_up(&h.final, f"{low}_Final")
        look_up(&h.transform, f"{transform}_Transform")
        if (h.init != NULL and h.update != NULL and h.final != NULL and h.transform != NULL
                and _agrees(TRANSFORM, owf)):
            usable.insert(0, TRANSFORM)
    return usable


_version, _reason = _find_library()
_routes = {owf: _usable(owf) for owf in _FUNCTIONS}

routes = {owf: usable[0] for owf, usable in _routes.items()}
route = routes["sha256"]                            # of CMP's usual function; `doctor` shows it, and why
if _version is None:
    why = _reason
elif route == TRANSFORM:
    why = f"{_version}; its answers are those of hashlib"
elif fips():
    why = f"{_version} runs in FIPS mode"
else:
    why = f"{_version} lacks the low-level functions, or they disagree with hashlib"
