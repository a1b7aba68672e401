package archive

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/redis/go-redis/v9"
)

// The processes of one installation share the consumer's queue. If they wrote to
// files of their own each would have a part of the events, so the first says in
// Redis which file it is, and others with another refuse to run.
const (
	ownedFor   = time.Minute
	ownedAgain = 20 * time.Second
)

var ownFile = redis.NewScript(`
local file = redis.call('get', KEYS[1])
if file and file ~= ARGV[1] then return file end
redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2])
return ''`)

// own keeps the archive's file known until ctx ends. An error says that another
// machine, or another folder, has one. What Redis cannot tell does not matter.
func (a *archive) own(ctx context.Context) error {
	host, _ := os.Hostname()
	file, err := filepath.Abs(a.file)
	if err != nil {
		return err
	}
	again := time.NewTicker(ownedAgain)
	defer again.Stop()
	for {
		other, err := ownFile.Run(ctx, a.redis, []string{a.key}, host+":"+file, ownedFor.Milliseconds()).Text()
		if err == nil && other != "" {
			return fmt.Errorf("events are archived in %s, and this would be another file, %s: each would have a part of them; run archive in one place (a minute after the other has ended)", other, host+":"+file)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
		}
	}
}
