/* SPDX-License-Identifier: MIT */
/*
 * folder.h - folders of a test's own
 */
#ifndef TESTS_FOLDER_H
#define TESTS_FOLDER_H

enum { FOLDER_PATH = 64, FOLDER_FILE = 128 };

/*
 * A new, empty folder in /tmp; _fast: in memory, where there is such a place.
 * Ends the process where it cannot be made.
 */
void folder_make(char path[FOLDER_PATH]);
void folder_make_fast(char path[FOLDER_PATH]);

/* Writes the file `name` in it; its path. */
void folder_file(const char *folder, const char *name, const char *text,
	char path[FOLDER_FILE]);

/* A group's set-up and teardown for cmocka: makes test_folder, removes it. */
extern char test_folder[FOLDER_PATH];
int test_folder_make(void **state);
int test_folder_remove(void **state);

/* Removes it and all that is in it; "" and what is not there are nothing. */
void folder_remove(const char *path);

#endif
