package consumers

import (
	"errors"
	"fmt"
	"strings"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

// A SettingError is an error in one value of a consumer's settings. If a [Maker] returns it,
// matchwire adds the line of the value to the error. A Maker can join several errors with [errors.Join].
type SettingError struct {
	Path string // path of the value in the settings, like "timeout" or "keys[1]"
	Err  error
}

func (e *SettingError) Error() string { return fmt.Sprintf("%s: %v", e.Path, e.Err) }

func (e *SettingError) Unwrap() error { return e.Err }

// CheckKeys joins a [SettingError] for each topic pattern in the setting "keys" that cannot match any
// event.
func CheckKeys(keys []string) error {
	var faults []error
	for i, k := range keys {
		if err := event.CheckTopic(k); err != nil {
			faults = append(faults, &SettingError{Path: fmt.Sprintf("keys[%d]", i), Err: err})
		}
	}
	return errors.Join(faults...)
}

// DecodeSettings decodes YAML text into a struct with yaml tags, as [Host.Settings] does: an unknown
// key is an error, and an empty text leaves the struct unchanged. Errors use file as the name of the
// text. DecodeSettings is for the tests of a consumer that create their own Host.
func DecodeSettings(file, text string, into any) error {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	return strictyaml.Decode(file, []byte(text), into)
}
