/*
 * The end of a session: both flows are finished, and its UUID with them.
 *
 *   client                            exchange
 *   FinishedSending(LastSeqNo) ---->  SessionSequence with finished, to the engine;
 *                                     NotApplied for what never came
 *   <---- FinishedReceiving, FinishedSending(LastSeqNo)
 *   RetransmitRequest, if something is missing ...
 *   FinishedReceiving -------------->  SessionUnbind with reason Finished
 *   <---- Terminate
 *
 * The exchange has nothing to say under a UUID whose client says nothing any more, so
 * its own flow ends behind the reports on what was taken: at the place in the journal
 * where the client's does. Each half is in the journal; a client that is unbound between
 * them may establish the UUID again, gets what it missed, and goes on from there.
 *
 * Until FinishedReceiving comes FinishedSending is the heartbeat. A client that repeats
 * its own gets both answers again.
 */
#include <string.h>

#include "gateway/fixp_session.h"

const char *
fixp_finish_sending(struct gateway *gateway, struct fixp_session *session, uint64_t next_no)
{
    ASSERT(session_listens(session));
    if (next_no < session->next_in_no)
        return "LastSeqNo is lower than what was sent";
    if (session->finishing && next_no != session->next_in_no)
        return "LastSeqNo is another than before";
    if (next_no != session->next_in_no && session_copies(gateway, session))
        return "a client of no flow has sent nothing";
    if (next_no - session->next_in_no > SEQUENCE_GAP_MAX)
        return "NextSeqNo skips too much";
    if (session->finishing) {
        /* Our answer was lost, or is on its way. */
        gateway->stats.duplicates++;
        if (session->end_no != 0)
            publisher_finish(gateway, session);
        return NULL;
    }
    session->finishing = true;
    fixp_skip(gateway, session, next_no, true);
    return NULL;
}

const char *
fixp_finish_receiving(struct gateway *gateway, struct fixp_session *session)
{
    ASSERT(session_listens(session));
    if (session->end_no == 0 || session->finish_due)
        return "FinishedReceiving without FinishedSending";
    fixp_close(gateway, session, CELL_UNBIND_REASON_FINISHED, FAREWELL_TERMINATE);
    return NULL;
}

void
fixp_finish_came_back(struct gateway *gateway, const struct cell_session_sequence *cell, bool live)
{
    if (cell->finished == 0 || cell->session >= gateway->cfg.sessions_max ||
        !gateway->sessions[cell->session].used)
        return;

    struct fixp_session *session = &gateway->sessions[cell->session];

    /* NotApplied comes behind this, and is the last if there is one. */
    session->finishing = true;
    session->end_no = route_next_no(gateway->route, cell->session) + (cell->missing > 0);
    if (live && session->state == FIXP_BOUND)
        publisher_finish(gateway, session);
}

bool
fixp_finish_say(struct gateway *gateway, struct fixp_session *session)
{
    if (!session->finish_due || session->sent_no < session->end_no)
        return true;
    if (session->state == FIXP_BOUND && session->listed && !fixp_send_finish(gateway, session))
        return false;
    session->finish_due = false;
    return true;
}

void
fixp_finish_forget(struct fixp_session *session)
{
    session->finishing = false;
    session->finish_due = false;
    session->finalised = false;
    session->end_no = 0;
}
