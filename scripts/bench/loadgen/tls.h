/* TLS for the sessions of the load generator. The server's certificate is not checked: it is on
 * this machine, and made for the run. */
#ifndef TLS_H
#define TLS_H

#include <stddef.h>
#include <sys/types.h>

/* A link over the connected socket *fd*; its handshake is made by the first reads and writes. */
void *tls_open(int fd);
void tls_close(void *link);

/* Like recv and send on a socket that does not block: -1 with errno EAGAIN means later. */
ssize_t tls_read(void *link, void *buffer, size_t size);
ssize_t tls_write(void *link, const void *data, size_t size);

#endif
