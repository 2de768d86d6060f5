/*
 * Save: the state of an engine as an image (proto/image.h), and an engine from it.
 *
 *   engine ---- engine_save ----> image ---- engine_load ----> engine
 *   engine_hash(engine)           ==                           engine_hash(engine)
 *
 * From there on both write the same bytes for the same commands. Nothing in an
 * image is a pointer, and nothing depends on the process: two engines that took
 * the same commands have equal images, wherever their memory is.
 *
 * An image has what is in use: of each pool the slots that were ever taken, of risk
 * all that is not zero. What follows from the rest is left out and made anew:
 *
 *   the map from ClOrdIDs    of the live orders, under the salt of the process that
 *                            loads. So no image tells a salt, each process keeps one
 *                            of its own, and who could read a snapshot learns
 *                            nothing that helps to choose ids that meet.
 *   the index of quotes      of their records
 *   scratch, work            nothing between two commands
 *
 * So loading costs what is in use and not what there is room for, and touches no
 * more: a pool for 10 million orders of which 100,000 were ever live at a time is
 * some 7 MB.
 *
 * What an image fits is told by its shape, a hash over all that decides where what lies:
 * the sizes of Genesis, names, types and order of the fields of our structures
 * (engine/layout.py, from the headers), their sizes, and SAVE_VERSION, which is for changes
 * that none of these shows. An image of another shape is never given to engine_load.
 *
 * Bytes may be damaged or anybody's. engine_load never reads or writes outside of
 * what it was given, refuses what does not fit, and what it lets pass can be hashed;
 * whether it is the state that was saved, engine_hash alone tells. Before that is
 * known nothing is to be applied.
 */
#ifndef OUTCRY_ENGINE_SAVE_H
#define OUTCRY_ENGINE_SAVE_H

#include "engine/engine.h"
#include "proto/base.h"
#include "proto/image.h"

/* To be raised when what is saved means something else in the same structures: a field
 * that gets another meaning under its name, another order of pieces or of risk's arrays. */
#define SAVE_VERSION 2u

/* engine_save puts the state into an image; not while a command is in work. */
void engine_save(const struct engine *engine, struct image_out *out);

/* engine_load fills an engine from an image of its shape. The engine is fresh from
 * engine_init and engine_salt. False: it is no such image, and the engine is of no
 * use. O(in use). */
NODISCARD bool engine_load(struct engine *engine, struct image_in *in);

/* engine_shape returns what the images of an engine fit. */
struct hash128 engine_shape(const struct engine *engine);

#endif
