package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// buildAll writes all files of a release. The programs are placeholders. The SBOMs describe the program of this test.
func buildAll(t *testing.T) (folder string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := &release{root: "../..", out: t.TempDir(), version: "v1.2.3-rc.1", time: time.Unix(1_700_000_000, 0).UTC()}
	work := t.TempDir()
	programs := map[platform]string{}
	scripts := map[string][]byte{"bash": []byte("# bash\n"), "zsh": []byte("# zsh\n"), "fish": []byte("# fish\n")}
	for _, p := range platforms {
		name := "matchwire"
		if p.os == "windows" {
			name += ".exe"
		}
		programs[p] = filepath.Join(work, p.os+p.arch, name)
		if err := os.MkdirAll(filepath.Dir(programs[p]), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(programs[p], []byte("program\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(r.archive(p, programs[p], scripts), r.sbom(p, self)); err != nil {
			t.Fatal(err)
		}
		if p.os == "linux" {
			if err := r.debian(p, programs[p], scripts); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.trusted = []byte("certificates\n")
	if err := r.image(programs, work); err != nil {
		t.Fatal(err)
	}
	if err := r.sums(); err != nil {
		t.Fatal(err)
	}
	return r.out
}

// A release has the same files whenever it is built.
func TestReleaseIsReproducible(t *testing.T) {
	read := func(folder string) string {
		sums, err := os.ReadFile(filepath.Join(folder, "SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		return string(sums)
	}
	first, second := read(buildAll(t)), read(buildAll(t))
	if first != second || strings.Count(first, "\n") < 12 {
		t.Errorf("two builds have the sums\n%s\nand\n%s\nwant 12 or more equal sums", first, second)
	}
}

// The archives and packages contain what a user needs, in the usual places.
func TestContents(t *testing.T) {
	folder := buildAll(t)
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	const top = "matchwire_1.2.3-rc.1_"
	z, err := gzip.NewReader(bytes.NewReader(read(top + "darwin_arm64.tar.gz")))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	archive := tar.NewReader(z)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.FileInfo().Mode().String()+" "+h.Name)
	}
	want := "-rwxr-xr-x " + top + "darwin_arm64/matchwire"
	if !slices.Contains(names, want) || !slices.Contains(names, "-rw-r--r-- "+top+"darwin_arm64/completions/_matchwire") {
		t.Errorf("the archive for macOS contains %q, want %s and the scripts for shells", names, want)
	}
	windows := read(top + "windows_amd64.zip")
	files, err := zip.NewReader(bytes.NewReader(windows), int64(len(windows)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := files.Open(top + "windows_amd64/matchwire.exe"); err != nil {
		t.Errorf("the archive for Windows: %v", err)
	}

	var bom struct {
		Components []struct{ Purl string }
	}
	if err := json.Unmarshal(read(top+"linux_amd64.cdx.json"), &bom); err != nil || len(bom.Components) < 20 {
		t.Errorf("the SBOM has %d components, error %v; want 20 or more", len(bom.Components), err)
	}

	t.Run("Debian", func(t *testing.T) { checkDebian(t, folder) })
}

// checkDebian checks the Debian package in a folder.
func checkDebian(t *testing.T, folder string) {
	t.Helper()
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip("dpkg-deb is not installed")
	}
	deb, err := filepath.Glob(filepath.Join(folder, "*_amd64.deb"))
	if err != nil || len(deb) != 1 {
		t.Fatalf("found the packages %v, error %v; want one", deb, err)
	}
	out, err := exec.CommandContext(t.Context(), "dpkg-deb", "--info", deb[0]).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Version: 1.2.3~rc.1") {
		t.Errorf("dpkg-deb --info: error %v\n%s\nwant the version 1.2.3~rc.1", err, out)
	}
	out, err = exec.CommandContext(t.Context(), "dpkg-deb", "--fsys-tarfile", deb[0]).Output()
	if err != nil {
		t.Fatal(err)
	}
	installed := tar.NewReader(bytes.NewReader(out))
	paths := map[string]string{}
	for {
		h, err := installed.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(installed)
		if err != nil {
			t.Fatal(err)
		}
		paths[strings.TrimPrefix(h.Name, "./")] = string(data)
	}
	unit := paths["usr/lib/systemd/system/matchwire.service"]
	if !strings.Contains(unit, "ExecStart=/usr/bin/matchwire run") {
		t.Errorf("the installed unit is\n%s\nwant it to start /usr/bin/matchwire", unit)
	}
	if paths["usr/bin/matchwire"] == "" || paths["usr/share/doc/matchwire/copyright"] == "" {
		t.Error("the package lacks the program or the licence")
	}
}
