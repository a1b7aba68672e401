package profile

import (
	"errors"
	"io/fs"
	"slices"

	"github.com/goccy/go-yaml/ast"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

// A sportRule is the sport of a profile. It has one of three forms: the name of a sport that
// matchwire knows, the definition of a new sport, or {name: NAME} for a sport that another profile
// defines.
type sportRule struct {
	name       event.Sport
	definition *event.Definition // nil if the rule does not define the sport
	elsewhere  bool              // whether another profile defines the sport
}

// UnmarshalYAML decodes a name or a definition.
func (r *sportRule) UnmarshalYAML(n ast.Node) error {
	if n.Type() != ast.MappingType && n.Type() != ast.MappingValueType {
		return strictyaml.DecodeNode(n, &r.name)
	}
	var d struct {
		Name      event.Sport           `yaml:"name"`
		Periods   []event.Period        `yaml:"periods"`
		Counts    event.Count           `yaml:"counts"`
		Half      int                   `yaml:"half"`
		ExtraHalf int                   `yaml:"extra_half"`
		Kinds     map[event.Kind]points `yaml:"kinds"`
		Names     map[string]string     `yaml:"names"`
	}
	if err := strictyaml.DecodeNode(n, &d); err != nil {
		return err
	}
	r.name = d.Name
	if m, ok := n.(*ast.MappingNode); !ok || len(m.Values) == 1 {
		r.elsewhere = true
		return nil
	}
	r.definition = &event.Definition{
		Name: d.Name, Periods: d.Periods, Counts: d.Counts, Half: d.Half, ExtraHalf: d.ExtraHalf,
		Kinds: map[event.Kind][]int{}, Names: d.Names,
	}
	for k, p := range d.Kinds {
		r.definition.Kinds[k] = p
	}
	return nil
}

// points are the points that an incident can add to the score: a number, or a list of numbers. 0
// means that the incident does not change the score.
type points []int

// UnmarshalYAML decodes a number or a list.
func (p *points) UnmarshalYAML(n ast.Node) error {
	if n.Type() == ast.SequenceType {
		return strictyaml.DecodeNode(n, (*[]int)(p))
	}
	var number int
	if err := strictyaml.DecodeNode(n, &number); err != nil {
		return err
	}
	if *p = nil; number != 0 {
		*p = points{number}
	}
	return nil
}

// define adds the sport, if the rule defines one, and checks that the sport exists.
func (r *sportRule) define(at func(path string) strictyaml.Pos) error {
	if r.definition != nil {
		err := event.Define(*r.definition)
		var invalid *event.DefinitionError
		if errors.As(err, &invalid) {
			if pos := at("sport." + invalid.Member); pos.Path != "" {
				return pos.Errorf("%w", invalid.Err)
			}
		}
		if err != nil {
			return at("sport").Errorf("%w", err)
		}
		return nil
	}
	if known := event.KnownSports(); !r.elsewhere && !slices.Contains(known, r.name) {
		return at("sport").Errorf("sport %q: want one of %v, or for a new sport %s", r.name, known, definitionHint)
	}
	if r.elsewhere && !slices.Contains(event.Sports(), r.name) {
		return at("sport").Errorf("sport %q: no profile in the folder defines it; want %s", r.name, definitionHint)
	}
	return nil
}

// definitionHint is the example of a definition in errors.
const definitionHint = "a definition such as {name: handball, periods: [1h, ht, 2h], counts: goals}"

// DefineSports adds the sports that profiles in a folder define. glob selects the files.
// DefineSports ignores files that it cannot read or decode, and invalid definitions: Load returns
// an error for them.
func DefineSports(folder fs.FS, glob string) {
	files, _ := fs.Glob(folder, glob)
	for _, f := range files {
		var p struct {
			Sport sportRule `yaml:"sport"`
		}
		data, err := fs.ReadFile(folder, f)
		if err == nil && strictyaml.DecodeLoosely(data, &p) == nil && p.Sport.definition != nil {
			_ = event.Define(*p.Sport.definition)
		}
	}
}
