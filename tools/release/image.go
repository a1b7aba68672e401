package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// certificates are the certificates of public authorities on this machine. On Debian they are in the package
// ca-certificates.
const certificates = "/etc/ssl/certs/ca-certificates.crt"

// folders are the folders at which docker-compose.yml mounts volumes. A new volume gets their owner, who is user.
var folders = []string{
	"data", "secrets", "secrets/rabbitmq", "secrets/redis", "secrets/scheduler", "secrets/parser", "secrets/consumers",
	"secrets/fanout", "secrets/api", "secrets/gateway", "secrets/setup", "secrets/operator",
}

const user = 65532

// image writes an OCI archive with an image for each processor, with the files and folders that the Dockerfile adds.
func (r *release) image(programs map[platform]string, work string) error {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, p := range platforms {
		if p.os != "linux" {
			continue
		}
		program, err := os.ReadFile(programs[p])
		if err != nil {
			return err
		}
		image, err := r.imageFor(p, program)
		if err != nil {
			return fmt.Errorf("%s: %w", p.arch, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: p.os, Architecture: p.arch}},
		})
	}
	folder := filepath.Join(work, "oci")
	if _, err := layout.Write(folder, index); err != nil {
		return err
	}
	var all []file
	err := filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(folder, name)
		all = append(all, file{filepath.ToSlash(relative), 0o644, data})
		return err
	})
	if err != nil {
		return err
	}
	sortFiles(all)
	return create(filepath.Join(r.out, r.name("oci.tar")), func(w io.Writer) error { return writeTar(w, all, r.time) })
}

// imageFor returns the image with a program.
func (r *release) imageFor(p platform, program []byte) (v1.Image, error) {
	var content bytes.Buffer
	files := []file{{"etc/ssl/certs/ca-certificates.crt", 0o644, r.trusted}, {"matchwire", 0o755, program}}
	for _, name := range folders {
		files = append(files, file{name: name + "/", mode: 0o755})
	}
	if err := writeTar(&content, files, r.time); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.Append(base, mutate.Addendum{
		Layer: layer, History: v1.History{Created: v1.Time{Time: r.time}, CreatedBy: "tools/release"},
	})
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = p.os, p.arch, v1.Time{Time: r.time}
	config.Config = v1.Config{
		User: fmt.Sprintf("%d:%[1]d", user), ExposedPorts: map[string]struct{}{"8080/tcp": {}},
		Entrypoint: []string{"/matchwire"}, Cmd: []string{"demo", "--listen", "0.0.0.0:8080"},
		Labels: map[string]string{
			"org.opencontainers.image.version": r.version, "org.opencontainers.image.licenses": "Apache-2.0",
		},
	}
	return mutate.ConfigFile(image, config)
}
