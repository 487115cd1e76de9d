/* SPDX-License-Identifier: MIT */
/*
 * delete.h - emptying a folder, whatever is in it
 */
#ifndef SPAWNER_DELETE_H
#define SPAWNER_DELETE_H

/*
 * Removes all that is in the folder `top`, a descriptor.  Needs no memory and
 * no stack that grow with it: a folder within a folder is moved up to `top`
 * first.  What cannot be removed stays.
 */
void delete_content(int top);

#endif
