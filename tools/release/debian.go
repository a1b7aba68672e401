package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	"github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
)

// debian writes the Debian package for a platform: the program, the systemd units, completion scripts and texts.
func (r *release) debian(p platform, program string, completions map[string][]byte) error {
	work, err := os.MkdirTemp("", "matchwire-debian")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	contents := files.Contents{}
	add := func(source, destination string, mode os.FileMode) {
		contents = append(contents, &files.Content{
			Source: source, Destination: destination, FileInfo: &files.ContentFileInfo{Mode: mode, MTime: r.time},
		})
	}
	write := func(name string, data []byte, destination string) error {
		source := filepath.Join(work, name)
		if err := os.WriteFile(source, data, 0o644); err != nil {
			return err
		}
		add(source, destination, 0o644)
		return nil
	}
	add(program, "/usr/bin/matchwire", 0o755)
	for _, name := range []string{"matchwire.service", "matchwire@.service"} {
		unit, err := os.ReadFile(filepath.Join(r.root, "deploy", "systemd", name))
		if err != nil {
			return err
		}
		const local = "/usr/local/bin/matchwire"
		if !strings.Contains(string(unit), local) {
			return fmt.Errorf("the unit %s does not start %s", name, local)
		}
		text := strings.ReplaceAll(string(unit), local, "/usr/bin/matchwire")
		if err := write(name, []byte(text), "/usr/lib/systemd/system/"+name); err != nil {
			return err
		}
	}
	for shell, destination := range map[string]string{
		"bash": "/usr/share/bash-completion/completions/matchwire",
		"zsh":  "/usr/share/zsh/vendor-completions/_matchwire",
		"fish": "/usr/share/fish/vendor_completions.d/matchwire.fish",
	} {
		if err := write(shell, completions[shell], destination); err != nil {
			return err
		}
	}
	for _, name := range texts {
		destination := name
		if name == "LICENSE" {
			destination = "copyright"
		}
		add(filepath.Join(r.root, name), "/usr/share/doc/matchwire/"+destination, 0o644)
	}
	info := nfpm.WithDefaults(&nfpm.Info{
		Name: "matchwire", Platform: "linux", Arch: p.arch, Version: r.version, VersionSchema: "semver",
		Section: "net", Priority: "optional", License: "Apache-2.0", Homepage: "https://github.com/matchwire/matchwire",
		Maintainer: "The matchwire authors <matchwire@users.noreply.github.com>",
		Description: "Live scores and alerts from match pages\n" +
			"matchwire reads live match pages and publishes events such as goals.",
		MTime: r.time,
		Overridables: nfpm.Overridables{
			Contents: contents, Recommends: []string{"ca-certificates"}, Suggests: []string{"rabbitmq-server", "redis-server"},
		},
	})
	if err := nfpm.PrepareForPackager(info, "deb"); err != nil {
		return err
	}
	name := filepath.Join(r.out, deb.Default.ConventionalFileName(info))
	return create(name, func(w io.Writer) error { return deb.Default.Package(info, w) })
}
