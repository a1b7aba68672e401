package app

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/matchwire/matchwire/internal/strictyaml"
)

// TLS has what a process serves encrypted. Both files are PEM, relative to the
// config file, and read again when they change.
type TLS struct {
	Certificate string `yaml:"certificate"` // with its chain
	Key         string `yaml:"key"`
}

func (t TLS) check(data []byte) error {
	if (t.Certificate == "") != (t.Key == "") {
		return strictyaml.Find(data, "tls").Errorf("want both certificate and key")
	}
	return nil
}

// certificate is how the process serves; nil: in the clear. Only HTTP/1.1, since
// a socket takes its connection for itself.
func (c Config) certificate() (*tls.Config, error) {
	if c.TLS.Certificate == "" {
		return nil, nil
	}
	pair := &keyPair{certificate: c.beside(c.TLS.Certificate), key: c.beside(c.TLS.Key)}
	if err := pair.load(); err != nil {
		return nil, Misuse(fmt.Errorf("config %s: tls: %w", c.file, err))
	}
	return &tls.Config{GetCertificate: pair.get, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12}, nil
}

const lookAtCertificate = time.Minute

// A keyPair is a certificate that may be renewed while the process runs.
type keyPair struct {
	certificate, key string

	mu       sync.Mutex
	pair     tls.Certificate
	modified time.Time
	looked   time.Time
}

func (k *keyPair) load() error {
	k.looked = time.Now()
	info, err := os.Stat(k.certificate)
	if err != nil || info.ModTime().Equal(k.modified) {
		return err
	}
	pair, err := tls.LoadX509KeyPair(k.certificate, k.key)
	if err != nil {
		return err
	}
	k.pair, k.modified = pair, info.ModTime()
	return nil
}

func (k *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.looked) > lookAtCertificate {
		_ = k.load() // the old one is good until both files are new
	}
	pair := k.pair
	return &pair, nil
}
