/* Preloaded into a process: what it does to files below $FILE_OPERATIONS_IN is written down in $FILE_OPERATIONS_LOG,
   and at the operation number $FILE_OPERATIONS_KILL_AT (from 1) it is killed: half a write, or just before all else.

   A record: operation, inode, offset, three lengths (path, second path, data), then those. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

struct record {
    uint64_t operation, inode, offset, path, second, data;
};

static const char *folder;
static size_t folder_length;
static int log_file = -1;
static long kill_at, done;

__attribute__((constructor)) static void begin(void) {
    const char *log = getenv("FILE_OPERATIONS_LOG"), *at = getenv("FILE_OPERATIONS_KILL_AT");
    folder = getenv("FILE_OPERATIONS_IN");
    folder_length = folder ? strlen(folder) : 0;
    kill_at = at ? atol(at) : 0;
    if (log) log_file = REAL(open)(log, O_WRONLY | O_APPEND | O_CLOEXEC);
}

static int below(const char *path) {
    return folder_length && !strncmp(path, folder, folder_length) && (!path[folder_length] || path[folder_length] == '/');
}

/* Where a file descriptor points to. */
static int path_of(int file, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return below(path) && !strstr(path + folder_length, "-shm"); /* SQLite makes that one anew after a crash */
}

static int path_at(int at, const char *name, char *path) {
    int saved = errno;
    size_t length = 0;
    if (name[0] != '/') {
        if (at == AT_FDCWD ? !getcwd(path, PATH_MAX) : (path_of(at, path), 0)) return 0;
        length = strlen(path);
        path[length++] = '/';
    }
    snprintf(path + length, PATH_MAX - length, "%s", name);
    errno = saved;
    return below(path) && !strstr(path + folder_length, "-shm");
}

static uint64_t inode_of(const char *path) {
    struct stat status;
    return lstat(path, &status) ? 0 : status.st_ino;
}

static int due(void) { return __atomic_add_fetch(&done, 1, __ATOMIC_SEQ_CST) == kill_at; }

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static void note(char operation, uint64_t inode, uint64_t offset, const char *path, const char *second, const void *data,
                 size_t size) {
    int saved = errno;
    struct record record = {operation, inode, offset, strlen(path), strlen(second), size};
    struct iovec parts[] = {{&record, sizeof record},
                            {(void *)path, record.path},
                            {(void *)second, record.second},
                            {(void *)data, size}};
    if (log_file >= 0 && REAL(writev)(log_file, parts, 4) < 0) die();
    errno = saved;
}

static int opened(int at, const char *name, int flags, int mode) {
    char path[PATH_MAX];
    if (!(flags & (O_CREAT | O_TRUNC)) || !path_at(at, name, path)) return REAL(openat)(at, name, flags, mode);
    uint64_t before = inode_of(path);
    if ((!before || flags & O_TRUNC) && due()) die();
    int file = REAL(openat)(at, name, flags, mode);
    if (file < 0) return file;
    if (!before) note('c', inode_of(path), 0, path, "", "", 0);
    else if (flags & O_TRUNC) note('t', before, 0, path, "", "", 0);
    return file;
}

#define OPEN(function, first, at)                        \
    int function(first const char *name, int flags, ...) { \
        va_list rest;                                    \
        va_start(rest, flags);                           \
        int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0; \
        va_end(rest);                                    \
        return opened(at, name, flags, mode);            \
    }
#define NOTHING
#define COMMA ,
OPEN(open, NOTHING, AT_FDCWD)
OPEN(open64, NOTHING, AT_FDCWD)
OPEN(openat, int at COMMA, at)
OPEN(openat64, int at COMMA, at)

static ssize_t written(int file, const void *data, size_t size, off64_t offset, int moves) {
    char path[PATH_MAX];
    int saved = errno;
    struct stat status;
    if (fstat(file, &status) || !S_ISREG(status.st_mode) || !path_of(file, path)) {
        errno = saved;
        return moves ? REAL(write)(file, data, size) : REAL(pwrite64)(file, data, size, offset);
    }
    if (moves) offset = fcntl(file, F_GETFL) & O_APPEND ? status.st_size : lseek64(file, 0, SEEK_CUR);
    int last = due();
    if (last) size /= 2;
    ssize_t result = moves ? REAL(write)(file, data, size) : REAL(pwrite64)(file, data, size, offset);
    if (last) die();
    if (result > 0) note('w', status.st_ino, offset, path, "", data, result);
    return result;
}

ssize_t write(int file, const void *data, size_t size) { return written(file, data, size, 0, 1); }
ssize_t pwrite(int file, const void *data, size_t size, off_t offset) { return written(file, data, size, offset, 0); }
ssize_t pwrite64(int file, const void *data, size_t size, off64_t offset) { return written(file, data, size, offset, 0); }

/* Everything else is done by itself and written down afterwards. */
#define ON_FILE(letter, function, parameters, arguments, offset) \
    int function parameters {                                    \
        char path[PATH_MAX];                                     \
        struct stat status;                                      \
        int watched = path_of(file, path) && !fstat(file, &status); \
        if (watched && due()) die();                             \
        int result = REAL(function) arguments;                   \
        if (watched && !result) note(letter, status.st_ino, offset, path, "", "", 0); \
        return result;                                           \
    }
ON_FILE('s', fsync, (int file), (file), 0)
ON_FILE('s', fdatasync, (int file), (file), 0)
ON_FILE('t', ftruncate, (int file, off_t length), (file, length), length)
ON_FILE('t', ftruncate64, (int file, off64_t length), (file, length), length)
ON_FILE('?', fallocate, (int file, int mode, off_t offset, off_t length), (file, mode, offset, length), 0)
ON_FILE('?', posix_fallocate, (int file, off_t offset, off_t length), (file, offset, length), 0)
ON_FILE('?', posix_fallocate64, (int file, off64_t offset, off64_t length), (file, offset, length), 0)

#define ON_NAME(letter, function, parameters, arguments, at)       \
    int function parameters {                                      \
        char path[PATH_MAX];                                       \
        int watched = path_at(at, name, path);                     \
        uint64_t inode = watched ? inode_of(path) : 0;             \
        if (watched && inode && due()) die();                      \
        int result = REAL(function) arguments;                     \
        char *last = watched ? strrchr(path, '/') + 1 : "";        \
        if (watched && (!result || *last == '@'))                  \
            note(*last == '@' ? '@' : letter, inode ? inode : inode_of(path), 0, path, "", "", 0); \
        return result;                                             \
    }
ON_NAME('u', unlink, (const char *name), (name), AT_FDCWD)
ON_NAME('u', rmdir, (const char *name), (name), AT_FDCWD)
ON_NAME('u', unlinkat, (int at, const char *name, int flags), (at, name, flags), at)
ON_NAME('m', mkdir, (const char *name, mode_t mode), (name, mode), AT_FDCWD)
ON_NAME('m', mkdirat, (int at, const char *name, mode_t mode), (at, name, mode), at)
ON_NAME('?', truncate, (const char *name, off_t length), (name, length), AT_FDCWD)
ON_NAME('?', truncate64, (const char *name, off64_t length), (name, length), AT_FDCWD)

#define ON_NAMES(letter, function, parameters, arguments, from_at, to_at) \
    int function parameters {                                        \
        char path[PATH_MAX], second[PATH_MAX];                       \
        int watched = path_at(from_at, from, path) | path_at(to_at, to, second); \
        uint64_t inode = watched ? inode_of(path) : 0;               \
        if (inode && due()) die();                                   \
        int result = REAL(function) arguments;                       \
        if (watched && !result) note(letter, inode, 0, path, second, "", 0); \
        return result;                                               \
    }
ON_NAMES('r', rename, (const char *from, const char *to), (from, to), AT_FDCWD, AT_FDCWD)
ON_NAMES('r', renameat, (int a, const char *from, int b, const char *to), (a, from, b, to), a, b)
ON_NAMES('r', renameat2, (int a, const char *from, int b, const char *to, unsigned flags), (a, from, b, to, flags), a, b)
ON_NAMES('l', link, (const char *from, const char *to), (from, to), AT_FDCWD, AT_FDCWD)
ON_NAMES('l', linkat, (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags), a, b)

int symlink(const char *target, const char *name) {
    char path[PATH_MAX];
    int watched = path_at(AT_FDCWD, name, path);
    if (watched && due()) die();
    int result = REAL(symlink)(target, name);
    if (watched && !result) note('y', inode_of(path), 0, path, target, "", 0);
    return result;
}

/* Python copies by reading and writing where these do not work. */
ssize_t sendfile(int to, int from, off_t *offset, size_t count) { (void)to, (void)from, (void)offset, (void)count; errno = EINVAL; return -1; }
ssize_t sendfile64(int to, int from, off64_t *offset, size_t count) { (void)to, (void)from, (void)offset, (void)count; errno = EINVAL; return -1; }
ssize_t copy_file_range(int a, off64_t *b, int c, off64_t *d, size_t e, unsigned f) { (void)a, (void)b, (void)c, (void)d, (void)e, (void)f; errno = EINVAL; return -1; }
ssize_t writev(int file, const struct iovec *parts, int count) {
    char path[PATH_MAX];
    if (path_of(file, path)) note('?', 0, 0, path, "", "", 0);
    return REAL(writev)(file, parts, count);
}
