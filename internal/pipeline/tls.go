package pipeline

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"time"

	"github.com/matchwire/matchwire/internal/reload"
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
		return strictyaml.PosAt(data, "tls").Errorf("want both certificate and key")
	}
	return nil
}

const lookAtCertificate = time.Minute

// certificate is how the process serves; nil: in the clear. Only HTTP/1.1, since
// a socket takes its connection for itself.
func (c Config) certificate(log *slog.Logger) (*tls.Config, error) {
	if c.TLS.Certificate == "" {
		return nil, nil
	}
	file, key := c.beside(c.TLS.Certificate), c.beside(c.TLS.Key)
	pair, err := reload.Open(file, lookAtCertificate, log, func() (tls.Certificate, error) { return tls.LoadX509KeyPair(file, key) })
	if err != nil {
		return nil, Misuse(fmt.Errorf("config %s: tls: %w", c.file, err))
	}
	get := func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		now := pair.Value()
		return &now, nil
	}
	return &tls.Config{GetCertificate: get, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12}, nil
}
