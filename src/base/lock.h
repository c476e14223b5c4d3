/* lock.h - a mutex, for the few things that threads share and change: what is loaded on demand. */
#ifndef MV_BASE_LOCK_H
#define MV_BASE_LOCK_H

#include "base/status.h"

typedef struct mv_lock mv_lock;

MV_CHECK marvis_status mv_lock_create(mv_lock **lock, marvis_error *err);
void mv_lock_destroy(mv_lock **lock); /* sets it to NULL; NULL is allowed */
void mv_lock_enter(mv_lock *lock);
void mv_lock_leave(mv_lock *lock);

#endif
