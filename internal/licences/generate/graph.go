package main

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// systems lists the operating systems for which the program is built. The linked modules depend on
// the system.
var systems = []string{"linux", "darwin", "windows"}

// scripts lists the JavaScript libraries of the live page, in the folder scriptFolder, each with its
// licence file.
var scripts = []struct{ name, version, licence string }{
	{"preact", "11.2.0", "preact.LICENSE.txt"},
	{"@preact/signals", "2.11.4", "signals.LICENSE.txt"},
	{"@preact/signals-core", "1.14.5", "signals.LICENSE.txt"},
	{"htm", "3.1.1", "htm.LICENSE.txt"},
}

const scriptFolder = "fanout/web/files/dist"

// A module is a Go module that is linked into the program, the standard library, or a JavaScript library.
type module struct {
	path    string
	version string   // "" for the program itself
	files   []string // paths of its licence files
}

// name returns the path and the version of the module, as in the lists.
func (m module) name() string {
	return strings.TrimSpace(m.path + " " + m.version)
}

// graph returns the modules that are linked into cmd/matchwire on any of the systems: first the
// program itself, then the standard library, then all other modules in the order of their paths, then
// the JavaScript libraries.
func graph(root string) ([]module, error) {
	all := map[string]*module{}
	var own string
	for _, system := range systems {
		lines, err := goTool(root, []string{"GOOS=" + system, "CGO_ENABLED=0"}, "list", "-deps",
			"-f", `{{with .Module}}{{.Path}}|{{.Version}}|{{.Main}}|{{.Dir}}|{{$.Dir}}{{end}}`, "./cmd/matchwire")
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(lines) {
			fields := strings.Split(strings.TrimSpace(line), "|")
			if len(fields) != 5 {
				continue // a package of the standard library
			}
			path, version, main, dir, packageDir := fields[0], fields[1], fields[2] == "true", fields[3], fields[4]
			if main {
				own, packageDir = path, dir
			}
			m := all[path]
			if m == nil {
				m = &module{path: path, version: version}
				all[path] = m
			}
			files, err := licenceFiles(dir, packageDir)
			if err != nil {
				return nil, err
			}
			if main { // this command writes the NOTICE of the program
				files = slices.DeleteFunc(files, func(file string) bool { return filepath.Base(file) == "NOTICE" })
			}
			m.files = append(m.files, files...)
		}
	}
	if own == "" {
		return nil, fmt.Errorf("go list returned no module for ./cmd/matchwire")
	}
	standard, err := standardLibrary(root)
	if err != nil {
		return nil, err
	}
	list := []module{*all[own], standard}
	delete(all, own)
	for _, path := range slices.Sorted(maps.Keys(all)) {
		list = append(list, *all[path])
	}
	for _, s := range scripts {
		file := filepath.Join(root, scriptFolder, s.licence)
		list = append(list, module{path: "JavaScript " + s.name, version: s.version, files: []string{file}})
	}
	for i, m := range list {
		slices.Sort(m.files)
		list[i].files = slices.Compact(m.files)
	}
	return list, nil
}

// standardLibrary returns the Go standard library as a module, with the Go version in go.mod.
func standardLibrary(root string) (module, error) {
	goroot, err := goTool(root, nil, "env", "GOROOT")
	if err != nil {
		return module{}, err
	}
	version, err := goTool(root, nil, "list", "-m", "-f", "{{.GoVersion}}")
	if err != nil {
		return module{}, err
	}
	goroot = strings.TrimSpace(goroot)
	files, err := licenceFiles(goroot, goroot)
	return module{path: "Go standard library", version: strings.TrimSpace(version), files: files}, err
}

// licenceName matches the names of files with licences or notices.
var licenceName = regexp.MustCompile(`(?i)^(.*-)?(licen[cs]es?|copying|notice|unlicense|patents)([.-].*)?$`)

// licenceFiles returns the paths of the licence files in the folder of a package and in its parent
// folders, up to the folder of its module.
func licenceFiles(moduleDir, packageDir string) ([]string, error) {
	var all []string
	for dir := packageDir; ; dir = filepath.Dir(dir) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if !e.IsDir() && licenceName.MatchString(e.Name()) && filepath.Ext(e.Name()) != ".go" {
				all = append(all, filepath.Join(dir, e.Name()))
			}
		}
		if dir == moduleDir || len(dir) <= len(moduleDir) {
			return all, nil
		}
	}
}

// goTool runs the go command and returns its standard output.
func goTool(dir string, env []string, args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %s", args[0], cmp.Or(strings.TrimSpace(errs.String()), err.Error()))
	}
	return string(out), nil
}
