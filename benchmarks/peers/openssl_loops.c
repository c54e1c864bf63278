/* Loops over libcrypto's own CMP functions, so that what is timed from Python is libcrypto and not the call into it.
 * Knows libcrypto's public interface; each function returns 0 when all went well.
 */
#include <openssl/asn1.h>
#include <openssl/cmp.h>
#include <openssl/crmf.h>
#include <openssl/crypto.h>
#include <string.h>

const char *loops_version(void) { return OpenSSL_version(OPENSSL_VERSION); }

/* Decode and free, number times. */
int loops_decode(const unsigned char *der, long size, long number)
{
    while (number-- > 0) {
        const unsigned char *next = der;
        OSSL_CMP_MSG *message = d2i_OSSL_CMP_MSG(NULL, &next, size);
        if (message == NULL)
            return 1;
        OSSL_CMP_MSG_free(message);
        if (next != der + size)
            return 2;
    }
    return 0;
}

/* Decode once, encode number times into out, which has room for size bytes. */
int loops_encode(const unsigned char *der, long size, long number, unsigned char *out)
{
    const unsigned char *next = der;
    OSSL_CMP_MSG *message = d2i_OSSL_CMP_MSG(NULL, &next, size);
    int result = message == NULL;
    if (!result && i2d_OSSL_CMP_MSG(message, NULL) != size)
        result = 2;
    while (!result && number-- > 0) {
        unsigned char *end = out;
        if (i2d_OSSL_CMP_MSG(message, &end) != size)
            result = 2;
    }
    OSSL_CMP_MSG_free(message);
    return result;
}

/* Compute the password-based MAC number times with libcrypto's own routine; mac has room for 64 bytes. */
int loops_pbm(const unsigned char *parameters, long parameters_size, const unsigned char *text, size_t text_size,
              const unsigned char *secret, size_t secret_size, long number, unsigned char *mac, size_t *mac_size)
{
    const unsigned char *next = parameters;
    OSSL_CRMF_PBMPARAMETER *pbm = d2i_OSSL_CRMF_PBMPARAMETER(NULL, &next, parameters_size);
    int result = pbm == NULL;
    while (!result && number-- > 0) {
        unsigned char *made = NULL;
        if (!OSSL_CRMF_pbm_new(NULL, NULL, pbm, text, text_size, secret, secret_size, &made, mac_size)
            || *mac_size > 64) {
            result = 2;
        } else {
            memcpy(mac, made, *mac_size);
        }
        OPENSSL_free(made);
    }
    OSSL_CRMF_PBMPARAMETER_free(pbm);
    return result;
}
