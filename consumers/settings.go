package consumers

import (
	"strings"

	"github.com/matchwire/matchwire/internal/strictyaml"
)

// DecodeSettings decodes a YAML text into a struct with yaml tags, as [Host.Settings] does: unknown
// keys are errors, and an empty text leaves the struct unchanged. Errors call the text file. It is
// for the tests of a consumer, which make their own Host.
func DecodeSettings(file, text string, into any) error {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	return strictyaml.Decode(file, []byte(text), into)
}
