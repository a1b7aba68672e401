package consumers

import (
	"strings"

	"github.com/matchwire/matchwire/internal/strictyaml"
)

// DecodeSettings decodes YAML text into a struct with yaml tags, as [Host.Settings] does: an unknown
// key is an error, and an empty text leaves the struct unchanged. Errors use file as the name of the
// text. DecodeSettings is for the tests of a consumer that create their own Host.
func DecodeSettings(file, text string, into any) error {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	return strictyaml.Decode(file, []byte(text), into)
}
