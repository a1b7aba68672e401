package main

import (
	"archive/tar"
	"archive/zip"
	"cmp"
	"compress/gzip"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A file is a file or a folder in an archive.
type file struct {
	name string // with slashes; the name of a folder ends with a slash
	mode int64
	data []byte
}

// texts are the files of the repository that each archive contains.
var texts = []string{"README.md", "CHANGELOG.md", "LICENSE", "NOTICE"}

// archive writes the archive for a platform: a zip file for Windows, otherwise a compressed tar file.
func (r *release) archive(p platform, program string, completions map[string][]byte) error {
	top := r.name(p.os + "_" + p.arch)
	data, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	files := []file{{path.Join(top, filepath.Base(program)), 0o755, data}}
	for _, name := range texts {
		data, err := os.ReadFile(filepath.Join(r.root, name))
		if err != nil {
			return err
		}
		files = append(files, file{path.Join(top, name), 0o644, data})
	}
	if p.os != "windows" {
		for shell, name := range map[string]string{"bash": "matchwire.bash", "zsh": "_matchwire", "fish": "matchwire.fish"} {
			files = append(files, file{path.Join(top, "completions", name), 0o644, completions[shell]})
		}
	}
	sortFiles(files)
	if p.os == "windows" {
		return create(filepath.Join(r.out, top+".zip"), func(w io.Writer) error { return writeZip(w, files, r.time) })
	}
	return create(filepath.Join(r.out, top+".tar.gz"), func(w io.Writer) error {
		z := gzip.NewWriter(w)
		if err := writeTar(z, files, r.time); err != nil {
			return err
		}
		return z.Close()
	})
}

func sortFiles(all []file) {
	slices.SortFunc(all, func(a, b file) int { return cmp.Compare(a.name, b.name) })
}

// create creates a file and writes it.
func create(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func writeTar(w io.Writer, files []file, at time.Time) error {
	t := tar.NewWriter(w)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.data)), ModTime: at, Format: tar.FormatPAX}
		if strings.HasSuffix(f.name, "/") {
			h.Typeflag, h.Uid, h.Gid = tar.TypeDir, user, user
		}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		if _, err := t.Write(f.data); err != nil {
			return err
		}
	}
	return t.Close()
}

func writeZip(w io.Writer, files []file, at time.Time) error {
	z := zip.NewWriter(w)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: at}
		h.SetMode(os.FileMode(f.mode))
		part, err := z.CreateHeader(h)
		if err != nil {
			return err
		}
		if _, err := part.Write(f.data); err != nil {
			return err
		}
	}
	return z.Close()
}
