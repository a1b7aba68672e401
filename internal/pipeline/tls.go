package pipeline

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"time"

	"github.com/matchwire/matchwire/internal/reload"
	"github.com/matchwire/matchwire/internal/strictyaml"
)

// TLSConfig holds the PEM files for serving over TLS. The process reads both files again
// when the certificate file changes.
type TLSConfig struct {
	Certificate string `yaml:"certificate"` // with its chain
	Key         string `yaml:"key"`
}

func (t TLSConfig) check(data []byte) error {
	if (t.Certificate == "") != (t.Key == "") {
		return strictyaml.PosAt(data, "tls").Missingf("want both certificate and key")
	}
	return nil
}

const certificateInterval = time.Minute // time between two checks of the certificate file

// tlsConfig returns the TLS settings of the HTTP server, or nil for plain HTTP. The server offers
// only HTTP/1.1, because a WebSocket needs its own connection.
func (c Config) tlsConfig(log *slog.Logger) (*tls.Config, error) {
	if c.TLS.Certificate == "" {
		return nil, nil
	}
	file, key := c.resolve(c.TLS.Certificate), c.resolve(c.TLS.Key)
	load := func() (tls.Certificate, error) { return tls.LoadX509KeyPair(file, key) }
	pair, err := reload.Open(file, certificateInterval, log, load)
	if err != nil {
		return nil, UsageError(fmt.Errorf("config %s: tls: %w", c.file, err))
	}
	get := func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		current := pair.Value()
		return &current, nil
	}
	return &tls.Config{GetCertificate: get, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12}, nil
}
