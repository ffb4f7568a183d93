/* Calls of the system that change files below one folder: counted, logged, killed, or made to fail.

   Loaded with LD_PRELOAD, so that what SQLite and libtorrent write counts as well. Until
   `interposer_arm` is called everything goes its way. See killing.py. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { COUNT, KILL, TEAR, FAIL, FAIL_ON };

static char root[PATH_MAX];
static size_t root_length;
static long at;
static int armed, how, failure, log_to = -1;
static atomic_long seen;

void interposer_arm(const char *folder, long number, int manner, int error, int log_file)
{
    root_length = (size_t)snprintf(root, sizeof root, "%s/", folder);
    at = number, how = manner, failure = error, log_to = log_file;
    atomic_store(&seen, 0);
    armed = 1;
}

long interposer_seen(void)
{
    armed = 0;
    return atomic_load(&seen);
}

static ssize_t real_write(int fd, const void *from, size_t length)
{
    static ssize_t (*real)(int, const void *, size_t);
    if (!real)
        real = dlsym(RTLD_NEXT, "write");
    return real(fd, from, length);
}

/* 0: go on; 1: do half of it, then die; -1: fail, errno is set. */
static int look(const char *call, const char *path, int takes_room)
{
    if (strncmp(path, root, root_length))
        return 0;
    long number = atomic_fetch_add(&seen, 1) + 1;
    if (log_to >= 0) {
        char line[PATH_MAX + 64];
        int length = snprintf(line, sizeof line, "%s %s\n", call, path + root_length);
        (void)!real_write(log_to, line, (size_t)length);
    }
    if (number == at && how == KILL)
        kill(getpid(), SIGKILL);
    if (number == at && how == TEAR)
        return 1;
    if ((number == at && (how == FAIL || how == FAIL_ON)) ||
        (number > at && how == FAIL_ON && takes_room)) {
        errno = failure;
        return -1;
    }
    return 0;
}

static int look_fd(const char *call, int fd, int takes_room)
{
    char link[64], path[PATH_MAX];
    if (!armed)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return look(call, path, takes_room);
}

static int look_at(const char *call, int folder, const char *path, int takes_room)
{
    char link[64], full[2 * PATH_MAX];
    if (!armed || !path)
        return 0;
    if (path[0] == '/' || folder == AT_FDCWD)
        return look(call, path, takes_room);
    snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    ssize_t length = readlink(link, full, PATH_MAX - 1);
    if (length < 0)
        return 0;
    snprintf(full + length, sizeof full - (size_t)length, "/%s", path);
    return look(call, full, takes_room);
}

#define REAL(type, name, ...)                                                                      \
    static type (*real)(__VA_ARGS__);                                                              \
    if (!real)                                                                                     \
        real = dlsym(RTLD_NEXT, name)

#define DIE kill(getpid(), SIGKILL)

/* -- writing ---------------------------------------------------------------------------------- */

ssize_t write(int fd, const void *from, size_t length)
{
    int found = look_fd("write", fd, 1);
    if (found < 0)
        return -1;
    if (found) {
        real_write(fd, from, length / 2);
        DIE;
    }
    return real_write(fd, from, length);
}

#define PWRITE(name, offset)                                                                       \
    ssize_t name(int fd, const void *from, size_t length, offset where)                            \
    {                                                                                              \
        REAL(ssize_t, #name, int, const void *, size_t, offset);                                   \
        int found = look_fd("pwrite", fd, 1);                                                      \
        if (found < 0)                                                                             \
            return -1;                                                                             \
        if (found) {                                                                               \
            real(fd, from, length / 2, where);                                                     \
            DIE;                                                                                   \
        }                                                                                          \
        return real(fd, from, length, where);                                                      \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define WRITEV(name, call, parameters, arguments)                                                  \
    ssize_t name parameters                                                                        \
    {                                                                                              \
        REAL(ssize_t, #name, int, const struct iovec *, int, ...);                                 \
        if (look_fd(call, fd, 1) < 0)                                                              \
            return -1;                                                                             \
        return real arguments;                                                                     \
    }
WRITEV(writev, "writev", (int fd, const struct iovec *parts, int count), (fd, parts, count))
WRITEV(pwritev, "pwritev", (int fd, const struct iovec *parts, int count, off_t where),
       (fd, parts, count, where))
WRITEV(pwritev64, "pwritev", (int fd, const struct iovec *parts, int count, off64_t where),
       (fd, parts, count, where))

ssize_t copy_file_range(int from, off64_t *begin, int to, off64_t *where, size_t length,
                        unsigned flags)
{
    REAL(ssize_t, "copy_file_range", int, off64_t *, int, off64_t *, size_t, unsigned);
    return look_fd("copy", to, 1) < 0 ? -1 : real(from, begin, to, where, length, flags);
}

#define SENDFILE(name, offset)                                                                     \
    ssize_t name(int to, int from, offset *where, size_t length)                                   \
    {                                                                                              \
        REAL(ssize_t, #name, int, int, offset *, size_t);                                          \
        return look_fd("copy", to, 1) < 0 ? -1 : real(to, from, where, length);                    \
    }
SENDFILE(sendfile, off_t)
SENDFILE(sendfile64, off64_t)

#define TRUNCATE(name, offset)                                                                     \
    int name(int fd, offset length)                                                                \
    {                                                                                              \
        REAL(int, #name, int, offset);                                                             \
        return look_fd("truncate", fd, 0) < 0 ? -1 : real(fd, length);                             \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

/* They return the error; they do not set errno. */
#define ALLOCATE(name, offset)                                                                     \
    int name(int fd, offset begin, offset length)                                                  \
    {                                                                                              \
        REAL(int, #name, int, offset, offset);                                                     \
        return look_fd("allocate", fd, 1) < 0 ? errno : real(fd, begin, length);                   \
    }
ALLOCATE(posix_fallocate, off_t)
ALLOCATE(posix_fallocate64, off64_t)

/* What was written is there for the next process anyway; only a power cut needs the disk. */
int fsync(int fd)
{
    return look_fd("fsync", fd, 0) < 0 ? -1 : 0;
}

int fdatasync(int fd)
{
    return look_fd("fsync", fd, 0) < 0 ? -1 : 0;
}

/* -- names ------------------------------------------------------------------------------------ */

#define OPENS(flags) ((flags) & (O_CREAT | O_TRUNC))

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        REAL(int, #name, const char *, int, ...);                                                  \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                    \
        va_end(rest);                                                                              \
        if (OPENS(flags) && look_at("open", AT_FDCWD, path, 1) < 0)                                \
            return -1;                                                                             \
        return real(path, flags, mode);                                                            \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                               \
    int name(int folder, const char *path, int flags, ...)                                         \
    {                                                                                              \
        REAL(int, #name, int, const char *, int, ...);                                             \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                    \
        va_end(rest);                                                                              \
        if (OPENS(flags) && look_at("open", folder, path, 1) < 0)                                  \
            return -1;                                                                             \
        return real(folder, path, flags, mode);                                                    \
    }
OPENAT(openat)
OPENAT(openat64)

#define CALL(name, call, folder, path, room, parameters, arguments)                                \
    int name parameters                                                                            \
    {                                                                                              \
        static int(*real) parameters;                                                              \
        if (!real)                                                                                 \
            real = dlsym(RTLD_NEXT, #name);                                                        \
        return look_at(call, folder, path, room) < 0 ? -1 : real arguments;                        \
    }
CALL(rename, "rename", AT_FDCWD, to, 1, (const char *from, const char *to), (from, to))
CALL(renameat, "rename", there, to, 1, (int here, const char *from, int there, const char *to),
     (here, from, there, to))
CALL(link, "link", AT_FDCWD, to, 1, (const char *from, const char *to), (from, to))
CALL(linkat, "link", there, to, 1,
     (int here, const char *from, int there, const char *to, int flags),
     (here, from, there, to, flags))
CALL(symlink, "symlink", AT_FDCWD, to, 1, (const char *from, const char *to), (from, to))
CALL(mkdir, "mkdir", AT_FDCWD, path, 1, (const char *path, mode_t mode), (path, mode))
CALL(mkdirat, "mkdir", folder, path, 1, (int folder, const char *path, mode_t mode),
     (folder, path, mode))
CALL(unlink, "unlink", AT_FDCWD, path, 0, (const char *path), (path))
CALL(unlinkat, "unlink", folder, path, 0, (int folder, const char *path, int flags),
     (folder, path, flags))
CALL(rmdir, "rmdir", AT_FDCWD, path, 0, (const char *path), (path))
CALL(chmod, "chmod", AT_FDCWD, path, 0, (const char *path, mode_t mode), (path, mode))
CALL(fchmodat, "chmod", folder, path, 0,
     (int folder, const char *path, mode_t mode, int flags), (folder, path, mode, flags))

int fchmod(int fd, mode_t mode)
{
    REAL(int, "fchmod", int, mode_t);
    return look_fd("chmod", fd, 0) < 0 ? -1 : real(fd, mode);
}
