package goals_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/consumers/consumertest"

	"example.org/goals/goals"
)

// The consumer passes the tests that every consumer must pass.
func TestConsumerContract(t *testing.T) {
	consumertest.Run(t, func(t *testing.T) consumertest.Subject {
		dir := t.TempDir()
		file := filepath.Join(dir, "goals.txt")
		return consumertest.Subject{
			New: goals.New, Settings: "file: goals.txt", Dir: dir,
			Effects: func() []string {
				text, _ := os.ReadFile(file)
				lines := strings.Split(string(text), "\n")
				return lines[:len(lines)-1]
			},
			Fail: func() (undo func()) { // a folder with the name of the file makes writing fail
				if err := os.Mkdir(file, 0o700); err != nil {
					t.Fatal(err)
				}
				return func() { os.Remove(file) }
			},
		}
	})
}
