/*
 * partition_group.h - the one tree of groups of this machine.
 */
#ifndef VMM_PARTITION_GROUP_H
#define VMM_PARTITION_GROUP_H

#include "group_tree.h"

/** partition_groups() - the tree; the root alone before anything is read. */
struct group_tree *partition_groups(void);

#endif
