package embedded

import (
	"encoding/binary"
	"errors"
	"slices"
	"strconv"
	"time"
)

// commands are commands of Redis with their arguments.
type commands [][]string

// record returns the record of commands that were executed together. ticks is the time for which keys
// were expired before, since the record before.
func (all commands) record(ticks time.Duration) []byte {
	b := binary.AppendUvarint(nil, uint64(ticks))
	for _, c := range all {
		b = binary.AppendUvarint(b, uint64(len(c)))
		for _, arg := range c {
			b = binary.AppendUvarint(b, uint64(len(arg)))
			b = append(b, arg...)
		}
	}
	return b
}

var errBadRecord = errors.New("the record of Redis is invalid")

// parseRecord is the inverse of commands.record.
func parseRecord(b []byte) (ticks time.Duration, all commands, err error) {
	number := func() uint64 {
		n, used := binary.Uvarint(b)
		if used <= 0 {
			err = errBadRecord
			return 0
		}
		b = b[used:]
		return n
	}
	ticks = time.Duration(number())
	for err == nil && len(b) > 0 {
		var c []string
		for n := number(); n > 0 && err == nil; n-- {
			size := number()
			if size > uint64(len(b)) {
				return 0, nil, errBadRecord
			}
			c, b = append(c, string(b[:size])), b[size:]
		}
		if len(c) == 0 {
			return 0, nil, errBadRecord
		}
		all = append(all, c)
	}
	return ticks, all, err
}

// perCommand is the maximum number of values in one command of a snapshot.
const perCommand = 1000

// Freeze stops all calls until thaw is called. dump passes records to add that create all keys.
func (s *store) Freeze() (dump func(add func(record []byte) error) error, thaw func()) {
	s.mu.Lock()
	return s.dump, s.mu.Unlock
}

func (s *store) dump(add func(record []byte) error) error {
	for _, key := range s.server.Keys() {
		all, err := s.creates(key)
		if err != nil {
			return err
		}
		if ttl := s.server.TTL(key); ttl > 0 {
			ms := max(1, (ttl + s.unlogged).Milliseconds()) // the next record subtracts s.unlogged
			all = append(all, []string{"PEXPIRE", key, strconv.FormatInt(ms, 10)})
		}
		if err := add(all.record(0)); err != nil {
			return err
		}
	}
	return nil
}

// creates returns the commands that create a key, without its remaining time.
func (s *store) creates(key string) (all commands, err error) {
	m := s.server
	switch kind := m.Type(key); kind {
	case "string":
		value, err := m.Get(key)
		return commands{{"SET", key, value}}, err
	case "list":
		values, err := m.List(key)
		return inParts(values, "RPUSH", key), err
	case "set":
		values, err := m.SMembers(key)
		return inParts(values, "SADD", key), err
	case "hash":
		names, err := m.HKeys(key)
		var values []string
		for _, name := range names {
			values = append(values, name, m.HGet(key, name))
		}
		return inParts(values, "HSET", key), err
	case "zset":
		scores, err := m.SortedSet(key)
		var values []string
		for member, score := range scores {
			values = append(values, strconv.FormatFloat(score, 'g', -1, 64), member)
		}
		return inParts(values, "ZADD", key), err
	default:
		return nil, errors.New("the key " + key + " has the type " + kind + ", which a snapshot cannot contain")
	}
}

// inParts returns commands that begin with start and together have all values.
func inParts(values []string, start ...string) (all commands) {
	for part := range slices.Chunk(values, perCommand) {
		all = append(all, slices.Concat(start, part))
	}
	return all
}
