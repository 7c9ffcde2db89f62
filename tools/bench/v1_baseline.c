/* v1_baseline as one loop in C: the same steps as monolithic.py, which explains them, over the same sessions
   (first row, row after the last, day, phase). Returns the fills written. */

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

enum { BID, ASK, TRADE };
enum { OPEN = 1, CLOSING = 3 };
static const int64_t NEVER = -(1LL << 61);

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

int64_t v1_baseline(int64_t found, const int64_t (*restrict sessions)[4], const int64_t *restrict times,
                    const int8_t *restrict kinds, const double *restrict prices, const int64_t *restrict volumes,
                    int64_t bid_size, int64_t ask_size, int64_t refill, int64_t max_position, double max_notional,
                    double threshold, int64_t *restrict out_times, double *restrict out_prices,
                    int64_t *restrict out_quantities, double *restrict out_realized, int64_t *restrict out_positions,
                    double *restrict out_pnl)
{
    double bid_price = 0, ask_price = 0, my_bid = 0, my_ask = 0, entry = 0, pnl = 0;
    int64_t bid_depth = 0, ask_depth = 0, bid_ahead = 0, ask_ahead = 0, bid_left = 0, ask_left = 0;
    int64_t bid_stamp = NEVER, ask_stamp = NEVER, last_day = NEVER, closed_day = NEVER;
    int64_t position = 0, written = 0;
    bool bid_live = false, ask_live = false, closed = false, pending = false;

    for (int64_t s = 0; s < found; s++) {
        const int64_t first = sessions[s][0], last = sessions[s][1], day = sessions[s][2], phase = sessions[s][3];
        if (day != last_day) {
            bid_price = ask_price = 0;
            bid_depth = ask_depth = 0;
            last_day = day;
        }
        if (day != closed_day)
            closed = pending = false;
        if (phase == CLOSING && !closed) {
            closed = true;
            closed_day = day;
            pending = position != 0;
        }
        if (phase != OPEN && !pending)
            continue;
        for (int64_t i = first; i < last; i++) {
            const int64_t time = times[i], volume = volumes[i];
            const double price = prices[i];
            const int kind = kinds[i];
            if (!(price > 0))
                continue;
            int64_t sold = 0, bought = 0;
            if (pending) {
                if (kind != TRADE)
                    continue;
                pending = false;
                sold = most(position, 0);
                bought = most(-position, 0);
            } else if (phase != OPEN) {
                break;
            } else {
                if (kind == BID) {
                    bid_price = price;
                    bid_depth = volume;
                } else if (kind == ASK) {
                    ask_price = price;
                    ask_depth = volume;
                }
                const bool bid_due = bid_depth > 0 && time - bid_stamp >= refill;
                const bool ask_due = ask_depth > 0 && time - ask_stamp >= refill;
                int64_t limit = max_position;
                if ((bid_due || ask_due) && max_notional < INFINITY) {
                    double mid = ask_depth <= 0 ? bid_price : ask_price;
                    if (bid_depth > 0 && ask_depth > 0)
                        mid = (bid_price + ask_price) / 2.0;
                    limit = least(limit, (int64_t)(max_notional / mid));
                }
                if (bid_due) {
                    my_bid = bid_price;
                    bid_ahead = bid_depth;
                    bid_left = most(least(bid_size, limit - position), 0);
                    bid_live = bid_price * (double)bid_depth >= threshold && bid_left > 0;
                    if (bid_live)
                        bid_stamp = time;
                }
                if (ask_due) {
                    my_ask = ask_price;
                    ask_ahead = ask_depth;
                    ask_left = most(least(ask_size, limit + position), 0);
                    ask_live = ask_price * (double)ask_depth >= threshold && ask_left > 0;
                    if (ask_live)
                        ask_stamp = time;
                }
                if (kind != TRADE)
                    continue;
                if (ask_live && price >= my_ask) {
                    sold = least(most(volume - ask_ahead, 0), ask_left);
                    ask_ahead = most(ask_ahead - volume, 0);
                    ask_left -= sold;
                    ask_live = sold == 0 || ask_left > 0;
                }
                if (bid_live && price <= my_bid) {
                    bought = least(most(volume - bid_ahead, 0), bid_left);
                    bid_ahead = most(bid_ahead - volume, 0);
                    bid_left -= bought;
                    bid_live = bought == 0 || bid_left > 0;
                }
            }
            for (int side = 0; side < 2; side++) {
                const int64_t quantity = side == 0 ? -sold : bought;
                if (quantity == 0)
                    continue;
                double realized = 0;
                int64_t opened = quantity;
                if (position > 0 && quantity < 0) {
                    const int64_t closing = least(position, -quantity);
                    realized = (price - entry) * (double)closing;
                    position -= closing;
                    opened = quantity + closing;
                } else if (position < 0 && quantity > 0) {
                    const int64_t closing = least(-position, quantity);
                    realized = (entry - price) * (double)closing;
                    position += closing;
                    opened = quantity - closing;
                }
                if (opened != 0) {
                    const int64_t held = most(position, -position), added = most(opened, -opened);
                    entry = held == 0 ? price
                                      : (entry * (double)held + price * (double)added) / (double)(held + added);
                    position += opened;
                }
                pnl += realized;
                if (quantity > 0)
                    bid_stamp = time;
                else
                    ask_stamp = time;
                out_times[written] = time;
                out_prices[written] = price;
                out_quantities[written] = quantity;
                out_realized[written] = realized;
                out_positions[written] = position;
                out_pnl[written] = pnl;
                written++;
            }
        }
    }
    return written;
}
