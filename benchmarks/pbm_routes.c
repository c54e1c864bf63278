/* The candidate ways to iterate a hash through libcrypto, each as one C loop, for pbm_routes.py.
 *
 * Knows how to call libcrypto. pbm_routes.py hands over the addresses: it compiles without OpenSSL's headers
 * and runs on any libcrypto. Knows nothing of Python nor of cmpcodec: fast_pbm.pyx was chosen from this.
 * Every loop starts from a digest and leaves the last one in its place, so that pbm_routes.py can check it.
 */
#include <stdint.h>
#include <string.h>

typedef struct {
    /* EVP, the supported interface. */
    void *(*context_new)(void);
    void (*context_free)(void *);
    int (*context_copy)(void *, const void *);
    int (*evp_init)(void *, const void *, void *);
    int (*evp_update)(void *, const void *, size_t);
    int (*evp_final)(void *, unsigned char *, unsigned int *);
    const void *named;      /* of EVP_get_digestbyname(): OpenSSL 3 looks it up at each init */
    const void *fetched;    /* of EVP_MD_fetch(); NULL before OpenSSL 3 */
    /* The low-level functions, deprecated since OpenSSL 3.0; NULL for SHA-3. */
    int (*init)(void *);
    int (*update)(void *, const void *, size_t);
    int (*final)(unsigned char *, void *);
    void (*transform)(void *, const unsigned char *);
    int64_t size;           /* octets of a digest */
    int64_t word;           /* octets of a state word */
} Hash;

static void evp(const Hash *h, const void *first, const void *next, unsigned char *digest, int64_t times)
{
    void *context = h->context_new();

    for (int64_t i = 0; i < times; i++) {
        h->evp_init(context, i == 0 ? first : next, NULL);
        h->evp_update(context, digest, (size_t)h->size);
        h->evp_final(context, digest, NULL);
    }
    h->context_free(context);
}

void evp_named(const Hash *h, unsigned char *digest, int64_t times)
{
    evp(h, h->named, h->named, digest, times);
}

void evp_fetched(const Hash *h, unsigned char *digest, int64_t times)
{
    evp(h, h->fetched, h->fetched, digest, times);
}

void evp_reused(const Hash *h, unsigned char *digest, int64_t times)
{
    evp(h, h->named, NULL, digest, times);
}

void evp_copied(const Hash *h, unsigned char *digest, int64_t times)
{
    void *fresh = h->context_new(), *context = h->context_new();

    h->evp_init(fresh, h->named, NULL);
    for (int64_t i = 0; i < times; i++) {
        h->context_copy(context, fresh);
        h->evp_update(context, digest, (size_t)h->size);
        h->evp_final(context, digest, NULL);
    }
    h->context_free(context);
    h->context_free(fresh);
}

void init_update_final(const Hash *h, unsigned char *digest, int64_t times)
{
    uint64_t context[64];

    for (int64_t i = 0; i < times; i++) {
        h->init(context);
        h->update(context, digest, (size_t)h->size);
        h->final(digest, context);
    }
}

void transform(const Hash *h, unsigned char *digest, int64_t times)
{
    uint64_t context[64], start[8];
    unsigned char block[128] = {0};
    size_t size = (size_t)h->size, last = h->word == 4 ? 63 : 127;

    h->init(context);
    memcpy(start, context, sizeof start);
    memcpy(block, digest, size);
    block[size] = 0x80;
    block[last - 1] = (unsigned char)(size >> 5);
    block[last] = (unsigned char)(size << 3);
    for (int64_t i = 0; i < times; i++) {
        memcpy(context, start, sizeof start);
        h->transform(context, block);
        for (size_t k = 0; k < size; k += (size_t)h->word) {
            if (h->word == 4) {
                uint32_t w;
                memcpy(&w, (char *)context + k, 4);
                w = __builtin_bswap32(w);       /* a benchmark: little-endian, GCC or Clang */
                memcpy(block + k, &w, 4);
            } else {
                uint64_t w;
                memcpy(&w, (char *)context + k, 8);
                w = __builtin_bswap64(w);
                memcpy(block + k, &w, 8);
            }
        }
    }
    memcpy(digest, block, size);
}
