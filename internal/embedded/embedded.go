// Package embedded provides a broker and a Redis server inside the process. With a data folder, what
// they contain survives a restart.
package embedded

import (
	"errors"
	"log/slog"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/internal/datadir"
)

// Servers are an embedded broker and an embedded Redis server.
type Servers struct {
	Broker *memory.Broker
	Redis  redis.UniversalClient

	store  *store
	folder *datadir.Folder // nil without a data folder
}

// The parts of a data folder. The numbers must never change.
const (
	partRedis byte = iota
	partBroker
)

// Open starts the servers. If dir is not empty, it is the data folder: Open restores what the servers
// contained, and all changes are written to it. Only one process can use a data folder.
func Open(dir string, log *slog.Logger) (*Servers, error) {
	m, err := newStore()
	if err != nil {
		return nil, err
	}
	s := &Servers{Broker: memory.New(nil, log), store: m}
	if dir == "" {
		s.Redis, err = m.start(nil)
	} else if s.folder, err = datadir.Open(dir, log, m, s.Broker); err == nil {
		s.Redis, err = m.start(&journal{s.folder, partRedis})
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if s.folder != nil {
		s.Broker.Record(&journal{s.folder, partBroker})
		s.folder.Start()
	}
	return s, nil
}

// Close stops the servers. The caller must no longer use them.
func (s *Servers) Close() error {
	err := s.store.close()
	if s.folder != nil {
		err = errors.Join(err, s.folder.Close())
	}
	return err
}

// A journal writes the records of one part to a folder.
type journal struct {
	folder *datadir.Folder
	part   byte
}

func (j *journal) Append(sync bool, records ...[]byte) error {
	return j.folder.Append(j.part, sync, records...)
}

func (j *journal) Err() error { return j.folder.Err() }
