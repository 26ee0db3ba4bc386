#include "tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#if __has_include(<openssl/ssl.h>)
#include <openssl/err.h>
#include <openssl/ssl.h>

static SSL_CTX *make_context(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (!context) {
        fprintf(stderr, "loadgen: no TLS\n");
        exit(2);
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 1);
    return context;
}

void *tls_open(int fd)
{
    static SSL_CTX *context;
    if (!context)
        context = make_context();
    SSL *link = SSL_new(context);
    if (!link || !SSL_set_fd(link, fd)) {
        fprintf(stderr, "loadgen: no TLS for a connection\n");
        exit(2);
    }
    SSL_set_connect_state(link);
    return link;
}

void tls_close(void *link)
{
    SSL_free(link);
}

static ssize_t outcome(SSL *link, int result)
{
    if (result > 0)
        return result;
    int error = SSL_get_error(link, result);
    if (error == SSL_ERROR_ZERO_RETURN)
        return 0;
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
    ERR_clear_error();
    return -1;
}

ssize_t tls_read(void *link, void *buffer, size_t size)
{
    return outcome(link, SSL_read(link, buffer, (int)size));
}

ssize_t tls_write(void *link, const void *data, size_t size)
{
    return outcome(link, SSL_write(link, data, (int)size));
}

#else

void *tls_open(int fd)
{
    (void)fd;
    fprintf(stderr, "loadgen: built without TLS (apt install libssl-dev)\n");
    exit(2);
}

void tls_close(void *link)
{
    (void)link;
}

ssize_t tls_read(void *link, void *buffer, size_t size)
{
    (void)link, (void)buffer, (void)size;
    return -1;
}

ssize_t tls_write(void *link, const void *data, size_t size)
{
    (void)link, (void)data, (void)size;
    return -1;
}

#endif
