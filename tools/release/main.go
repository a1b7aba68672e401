// Release builds the files of a release: archives for five platforms, Debian packages, an OCI archive with
// the image, an SBOM for each platform, and checksums. It publishes nothing.
//
//	go run -C tools/release . -version v1.2.3 -out dist
//
// The files depend on the commit, the version of Go and the certificates of this machine, which must run Linux. They
// contain the time of the commit.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	version := flag.String("version", "", "`VERSION`, like v1.2.3 (default: v0.0.0-dev. and the commit)")
	out := flag.String("out", "dist", "`FOLDER` for the files, in the folder of the repository; it must not exist")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *version, *out); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// A release is one run of this program.
type release struct {
	root    string    // folder of the repository
	out     string    // folder of the files
	version string    // like v1.2.3
	time    time.Time // of the commit
	trusted []byte    // the certificates of public authorities
}

// A platform is an operating system and a processor, as Go names them.
type platform struct{ os, arch string }

var platforms = []platform{
	{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"},
}

// host is the platform of this machine. It must be one of the platforms, because its program prints the completion
// scripts.
var host = platform{runtime.GOOS, runtime.GOARCH}

func run(ctx context.Context, version, out string) error {
	r, err := newRelease(ctx, version, out)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "matchwire-release")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if r.trusted, err = os.ReadFile(certificates); err != nil {
		return fmt.Errorf("the image needs the certificates of public authorities: %w", err)
	}
	programs := map[platform]string{}
	for _, p := range platforms {
		if programs[p], err = r.build(ctx, p, work); err != nil {
			return err
		}
	}
	completions, err := r.completions(ctx, programs[host])
	if err != nil {
		return err
	}
	if err := os.Mkdir(r.out, 0o755); err != nil {
		return err
	}
	for _, p := range platforms {
		if err := r.archive(p, programs[p], completions); err != nil {
			return fmt.Errorf("archive for %s/%s: %w", p.os, p.arch, err)
		}
		if err := r.sbom(p, programs[p]); err != nil {
			return fmt.Errorf("SBOM for %s/%s: %w", p.os, p.arch, err)
		}
		if p.os != "linux" {
			continue
		}
		if err := r.debian(p, programs[p], completions); err != nil {
			return fmt.Errorf("package for Debian on %s: %w", p.arch, err)
		}
	}
	if err := r.image(programs, work); err != nil {
		return fmt.Errorf("image: %w", err)
	}
	if err := r.sums(); err != nil {
		return err
	}
	return r.list()
}

var validVersion = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)

// newRelease returns a release of the current commit. The working tree must have no changes and no new files.
func newRelease(ctx context.Context, version, out string) (*release, error) {
	git := func(args ...string) (string, error) {
		text, err := exec.CommandContext(ctx, "git", args...).Output()
		if err != nil {
			return "", fmt.Errorf("git %s: %w", strings.Join(args, " "), err)
		}
		return strings.TrimSpace(string(text)), nil
	}
	root, err := git("rev-parse", "--show-toplevel")
	if err != nil {
		return nil, err
	}
	changed, err := git("-C", root, "status", "--porcelain")
	if err != nil {
		return nil, err
	}
	if changed != "" {
		return nil, fmt.Errorf("the working tree differs from the commit:\n%s", changed)
	}
	commit, err := git("log", "-1", "--format=%h %ct")
	if err != nil {
		return nil, err
	}
	hash, seconds, _ := strings.Cut(commit, " ")
	at, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("git log printed %q: %w", commit, err)
	}
	if version == "" {
		version = "v0.0.0-dev." + hash
	}
	if !validVersion.MatchString(version) {
		return nil, fmt.Errorf("version %q: want a version like v1.2.3 or v1.2.3-rc.1", version)
	}
	if !filepath.IsAbs(out) {
		out = filepath.Join(root, out)
	}
	if _, err := os.Stat(out); !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s exists: remove it, or name another folder with -out", out)
	}
	return &release{root: root, out: out, version: version, time: time.Unix(at, 0).UTC()}, nil
}

// name returns the name of a file of the release, such as matchwire_1.2.3_linux_amd64.tar.gz.
func (r *release) name(rest string) string { return "matchwire_" + r.version[1:] + "_" + rest }

// build builds the program for a platform, and returns its path.
func (r *release) build(ctx context.Context, p platform, work string) (string, error) {
	program := filepath.Join(work, p.os+"_"+p.arch, "matchwire")
	if p.os == "windows" {
		program += ".exe"
	}
	const stamp = "github.com/matchwire/matchwire/internal/pipeline.version="
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w -X "+stamp+r.version,
		"-o", program, "./cmd/matchwire")
	cmd.Dir, cmd.Stdout, cmd.Stderr = r.root, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.os, "GOARCH="+p.arch)
	fmt.Printf("building for %s/%s\n", p.os, p.arch)
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("building for %s/%s: %w", p.os, p.arch, err)
	}
	if p != host {
		return program, nil
	}
	printed, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("matchwire --version: %w", err)
	}
	if got := strings.TrimSpace(string(printed)); got != r.version {
		return "", fmt.Errorf("the program prints the version %q, want %s", got, r.version)
	}
	return program, nil
}

// completions returns the completion scripts, by shell.
func (r *release) completions(ctx context.Context, program string) (map[string][]byte, error) {
	if program == "" {
		return nil, fmt.Errorf("there is no program for this machine, %s/%s", host.os, host.arch)
	}
	scripts := map[string][]byte{}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		script, err := exec.CommandContext(ctx, program, "completion", shell).Output()
		if err != nil {
			return nil, fmt.Errorf("matchwire completion %s: %w", shell, err)
		}
		scripts[shell] = script
	}
	return scripts, nil
}

// list prints the files with their sizes.
func (r *release) list() error {
	files, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(t, "%s\t%.1f MB\n", f.Name(), float64(info.Size())/1e6)
	}
	return t.Flush()
}
