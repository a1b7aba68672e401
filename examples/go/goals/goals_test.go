package goals_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/consumers/consumertest"

	"example.org/goals/goals"
)

// The kit checks what is asked of every consumer.
func TestAsAnyConsumer(t *testing.T) {
	consumertest.Run(t, func(t *testing.T) consumertest.Subject {
		dir := t.TempDir()
		file := filepath.Join(dir, "goals.txt")
		return consumertest.Subject{
			New: goals.New, Settings: "file: goals.txt", Dir: dir,
			Effects: func() []string {
				b, _ := os.ReadFile(file)
				return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")[:strings.Count(string(b), "\n")]
			},
			Fail: func() (undo func()) { // a folder replaces the file
				if err := os.Mkdir(file, 0o700); err != nil {
					t.Fatal(err)
				}
				return func() { os.Remove(file) }
			},
		}
	})
}
