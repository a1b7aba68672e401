package strictyaml

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// An Error is an error at a position in a file.
type Error struct {
	File         string // "" until InFile or Decode sets it
	Line, Column int    // from 1
	Path         string // like "incidents[0].kind"; "" if the error is not about a value
	Err          error

	at        string // path of the value or the key; "" for the whole document
	undecoded bool   // whether the value could not be decoded, so that it is missing in the result
	missing   bool   // see [Pos.Missingf]
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s:%d:%d: ", e.File, e.Line, e.Column)
	if e.Path != "" {
		s += e.Path + ": "
	}
	return s + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// InFile adds file to an error. If err wraps an [*Error] or an [ErrorList], InFile returns that,
// with File set where it was "". It converts an error of the YAML library to an
// [*Error], and adds file as a prefix to any other error. It returns nil for nil.
func InFile(file string, err error) error {
	if err == nil {
		return nil
	}
	var list ErrorList
	if errors.As(err, &list) {
		for _, one := range list {
			_ = InFile(file, one) // sets the file of an *Error
		}
		return list
	}
	var e *Error
	if errors.As(err, &e) {
		if e.File == "" {
			e.File = file
		}
		return e
	}
	var ye yaml.Error
	if errors.As(err, &ye) && ye.GetToken() != nil {
		p := ye.GetToken().Position
		return &Error{File: file, Line: p.Line, Column: p.Column, Err: errors.New(ye.GetMessage())}
	}
	return fmt.Errorf("%s: %w", file, err)
}

// An ErrorList is several mistakes, sorted by file and position. The files are in the order in which they were checked.
type ErrorList []error

// maxShown is the maximum number of mistakes that Error shows.
const maxShown = 20

// Error returns the number of mistakes and a line for each of the first 20. If all are in one file, its name is the
// first word.
func (l ErrorList) Error() string {
	var b strings.Builder
	if files := l.files(); len(files) == 1 && files[0] != "" {
		fmt.Fprintf(&b, "%s: ", files[0])
	}
	fmt.Fprintf(&b, "%d mistakes:", len(l))
	for i, err := range l {
		if i == maxShown {
			fmt.Fprintf(&b, "\n  and %d more", len(l)-maxShown)
			break
		}
		fmt.Fprintf(&b, "\n  %v", bare(err))
	}
	return b.String()
}

// Unwrap returns the mistakes.
func (l ErrorList) Unwrap() []error { return l }

// files returns the names of the files of the mistakes. A mistake without a position has the file "".
func (l ErrorList) files() (all []string) {
	for _, err := range l {
		if file := fileOf(err); !slices.Contains(all, file) {
			all = append(all, file)
		}
	}
	return all
}

// sort sorts the mistakes by file and position.
func (l ErrorList) sort() {
	files := l.files()
	slices.SortStableFunc(l, func(a, b error) int {
		byFile := cmp.Compare(slices.Index(files, fileOf(a)), slices.Index(files, fileOf(b)))
		var x, y *Error
		if byFile != 0 || !errors.As(a, &x) || !errors.As(b, &y) {
			return byFile
		}
		return cmp.Or(cmp.Compare(x.Line, y.Line), cmp.Compare(x.Column, y.Column))
	})
}

// bare returns the [*Error] that err wraps, or else err.
func bare(err error) error {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e
	}
	return err
}

// fileOf returns the file of a mistake, or "" if it has no position.
func fileOf(err error) string {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.File
	}
	return ""
}

// All returns the mistakes in errs as one error: nil, the only mistake, or an [ErrorList]. Unless file is "", it adds
// file to them as [InFile] does. It omits repeated mistakes, and those that can be a consequence of a value that could
// not be decoded: mistakes in what contains the value, and missing values.
func All(file string, errs ...error) error {
	var all ErrorList
	for _, err := range errs {
		for _, one := range Mistakes(err) {
			if file != "" {
				one = InFile(file, one)
			}
			all = append(all, one)
		}
	}
	var kept ErrorList
	for i, err := range all {
		same := func(other error) bool { return bare(other).Error() == bare(err).Error() }
		if !slices.ContainsFunc(kept, same) && !isConsequence(err, i, all) {
			kept = append(kept, err)
		}
	}
	kept.sort()
	switch len(kept) {
	case 0:
		return nil
	case 1:
		return kept[0]
	}
	return kept
}

// Mistakes returns the errors that err joins, or err itself.
func Mistakes(err error) []error {
	switch e := any(err).(type) {
	case nil:
		return nil
	case *Error:
		return []error{e} // whatever it wraps
	case interface{ Unwrap() []error }:
		var all []error
		for _, one := range e.Unwrap() {
			all = append(all, Mistakes(one)...)
		}
		return all
	}
	if all := Mistakes(errors.Unwrap(err)); len(all) > 1 {
		return all
	}
	return []error{err}
}

// isConsequence reports whether err, which is all[i], can be a consequence of another error in all.
func isConsequence(err error, i int, all []error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	for j, other := range all {
		var cause *Error
		if j == i || !errors.As(other, &cause) || cause == e || !cause.undecoded || cause.File != e.File {
			continue
		}
		inside := strings.HasPrefix(cause.at, e.at) &&
			(e.at == "" || len(cause.at) > len(e.at) && strings.ContainsRune(".[", rune(cause.at[len(e.at)])))
		if e.missing || e.Line == 0 || inside && (!e.undecoded || j < i) || cause.at == e.at && j < i {
			return true
		}
	}
	return false
}
