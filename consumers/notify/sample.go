package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/notify/send"
	"github.com/matchwire/matchwire/event"
)

// testGoal returns a sample goal. Each call uses a new ID, because some services ignore an ID that
// they have received before.
func testGoal(tid event.TID) (event.Event, error) {
	c := event.SoccerMinute("", 6, 0)
	const home, away = "New York City FC", "Toronto FC"
	e, err := event.Of("soccer.mls.goal", event.Data{
		League: "MLS", Team: away, Player: "Test Player", Opponent: home, Side: event.Away, Clock: &c,
		Score: &event.Score{Away: 1},
		Match: &event.Match{ID: "notify-try", Home: home, Away: away, Status: event.Live, Period: event.FirstHalf},
	}, time.Now())
	e.TID = tid
	e.ID = event.NewTID().String()
	return e, err
}

// sendSample sends the sample goal, marked as a test, to recipients of the channel, regardless of filters and
// rules. It returns the text and the number of recipients that received the goal.
func (n *notifier) sendSample(
	ctx context.Context, tid event.TID, language string, to []recipient,
) (text string, sent int, err error) {
	e, err := testGoal(tid)
	if err != nil {
		return "", 0, err
	}
	t := n.texts.render(e, true, language)
	t.Title = "[Test] " + t.Title
	for i, r := range to {
		if failed := n.sender.Send(ctx, r.address, notification(e, t, false, n.link)); failed != nil {
			err = joined(err, failed, i-sent)
			continue
		}
		sent++
	}
	return t.Line(), sent, err
}

const (
	sampleEvery   = 20 * time.Second // shortest time between two requests for a test of a channel
	sampleTimeout = 15 * time.Second // time limit for sending the sample goal
	maxSampled    = 20               // maximum number of recipients of a test
	maxRefusal    = 500              // maximum length of the reason in the result of a test
)

// sampleInterval is the time between two looks for a request for a test.
var sampleInterval = time.Second

// sampleRequests passes requests for a test of one channel from the processes of the API to those that run the
// channel, because only these have its secrets. It stores the latest request in Redis:
//
//	mw:notify-test:<channel>  hash, which expires after sampleEvery:
//	  id      ID of the request
//	  tid     TID of the job that asked for the test
//	  taken   ID of the notifier that sends the sample goal
//	  result  the result (JSON)
type sampleRequests struct {
	redis redis.UniversalClient
	key   string
}

// askSample stores a request and returns 0. If there was another request recently, it returns after how many
// milliseconds the caller can try again.
var askSample = redis.NewScript(`
local id = redis.call('hget', KEYS[1], 'id')
if id and id ~= ARGV[1] then return redis.call('pttl', KEYS[1]) end
redis.call('hset', KEYS[1], 'id', ARGV[1], 'tid', ARGV[2])
redis.call('pexpire', KEYS[1], ARGV[3])
return 0`)

// takeSample returns the ID and the TID of the request, unless another notifier than ARGV[1] sends the sample goal.
var takeSample = redis.NewScript(`
local id, taken = redis.call('hget', KEYS[1], 'id'), redis.call('hget', KEYS[1], 'taken')
if not id or taken and taken ~= ARGV[1] then return {} end
redis.call('hset', KEYS[1], 'taken', ARGV[1])
return {id, redis.call('hget', KEYS[1], 'tid')}`)

// answerSample stores the result of a request, if this is the latest request.
var answerSample = redis.NewScript(`
if redis.call('hget', KEYS[1], 'id') ~= ARGV[1] then return 0 end
return redis.call('hset', KEYS[1], 'result', ARGV[2])`)

// ask asks a process that runs the channel for a test, and waits for the result.
func (s sampleRequests) ask(ctx context.Context) (result consumers.TestResult, err error) {
	id := uuid.NewString()
	args := []any{id, event.TIDFrom(ctx).String(), sampleEvery.Milliseconds()}
	wait, err := askSample.Run(ctx, s.redis, []string{s.key}, args...).Int64()
	if err != nil {
		return result, fmt.Errorf("asking for a test: %w", err)
	}
	if wait != 0 {
		return result, &consumers.TestTooSoonError{Wait: max(time.Duration(wait)*time.Millisecond, time.Second)}
	}
	ctx, cancel := context.WithTimeout(ctx, sampleEvery-sampleInterval)
	defer cancel()
	for {
		found, err := s.redis.HMGet(ctx, s.key, "id", "taken", "result").Result()
		switch {
		case err != nil && ctx.Err() == nil:
			return result, fmt.Errorf("reading the result of a test: %w", err)
		case err == nil && found[0] == id && found[2] != nil:
			return result, json.Unmarshal([]byte(found[2].(string)), &result)
		}
		select {
		case <-ctx.Done():
			return result, consumers.ErrNoTestResult
		case <-time.After(sampleInterval / 5):
		}
	}
}

// serveSamples sends the sample goal when a process of the API asks for it, until ctx ends.
func (n *notifier) serveSamples(ctx context.Context) {
	own, last := uuid.NewString(), ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(sampleInterval + rand.N(sampleInterval/4)):
		}
		id, tid, err := n.samples.take(ctx, own)
		if err != nil || id == "" || id == last { // without Redis, no process can ask
			continue
		}
		last = id
		if err := n.samples.answer(ctx, id, n.sample(event.WithTID(ctx, tid), tid)); err != nil {
			n.log.Warn("result of a test not stored", "tid", tid, "error", err)
		}
	}
}

// take returns the ID and the TID of the request, or "" if there is none for the notifier own.
func (s sampleRequests) take(ctx context.Context, own string) (id string, tid event.TID, err error) {
	found, err := takeSample.Run(ctx, s.redis, []string{s.key}, own).StringSlice()
	if err != nil || len(found) != 2 {
		return "", tid, err
	}
	tid, err = event.ParseTID(found[1])
	return found[0], tid, err
}

// answer stores the result of a request.
func (s sampleRequests) answer(ctx context.Context, id string, r consumers.TestResult) error {
	result, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return answerSample.Run(ctx, s.redis, []string{s.key}, id, result).Err()
}

// sample sends the sample goal to all recipients of the channel, if they are few.
func (n *notifier) sample(ctx context.Context, tid event.TID) (result consumers.TestResult) {
	ctx, cancel := context.WithTimeout(ctx, sampleTimeout)
	defer cancel()
	to, err := n.recipients(ctx)
	if err == nil && len(to) > maxSampled {
		err = fmt.Errorf("the channel has %d recipients, and a test goes to at most %d", len(to), maxSampled)
	}
	if err == nil && len(to) == 0 {
		err = errors.New("the channel has no recipients")
	}
	if err == nil {
		err = n.limiter.wait(ctx, "")
	}
	result.Recipients = len(to)
	if err == nil {
		result.Text, result.Accepted, err = n.sendSample(ctx, tid, n.firstLanguage, to)
	}
	if err != nil {
		result.Reason = send.Cut(err.Error(), maxRefusal)
	}
	n.log.Info("test notification", "tid", tid, "recipients", result.Recipients, "accepted", result.Accepted,
		"reason", result.Reason)
	return result
}
