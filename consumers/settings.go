package consumers

import (
	"strings"

	"github.com/matchwire/matchwire/internal/strictyaml"
)

// DecodeSettings decodes a YAML text into a struct with yaml tags, by the rules
// of [Host.Settings]: unknown keys are errors, and an empty text leaves the
// struct as it is. Errors name the text as file. It is for tests of a consumer,
// which make a Host of their own.
func DecodeSettings(file, text string, into any) error {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	return strictyaml.Decode(file, []byte(text), into)
}
