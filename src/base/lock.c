/* lock.c - see lock.h. */
#include "base/lock.h"

#include "base/memory.h"

#include <pthread.h>

struct mv_lock {
    pthread_mutex_t mutex;
};

marvis_status mv_lock_create(mv_lock **lock, marvis_error *err) {
    *lock = NULL;
    mv_lock *l = mv_alloc(1, sizeof *l);
    if (!l) return mv_fail_memory(err, sizeof *l, "a lock");
    const int rc = pthread_mutex_init(&l->mutex, NULL);
    if (rc != 0) {
        mv_free(l);
        return mv_fail(err, MARVIS_ERR_MEMORY, "cannot make a lock: error %d", rc);
    }
    *lock = l;
    return MARVIS_OK;
}

void mv_lock_destroy(mv_lock **lock) {
    if (!*lock) return;
    pthread_mutex_destroy(&(*lock)->mutex);
    mv_free(*lock);
    *lock = NULL;
}

void mv_lock_enter(mv_lock *lock) { pthread_mutex_lock(&lock->mutex); }
void mv_lock_leave(mv_lock *lock) { pthread_mutex_unlock(&lock->mutex); }
