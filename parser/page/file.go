package page

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"
)

// ReadPage reads a saved page. It decompresses a file whose name ends in .gz. A page larger than
// the limit for fetched pages is an error.
func ReadPage(folder fs.FS, file string) (Page, error) {
	body, err := fs.ReadFile(folder, file)
	if err == nil && strings.HasSuffix(file, ".gz") {
		body, err = gunzip(body)
	}
	if err == nil && len(body) > maxPage {
		err = fmt.Errorf("the page is larger than %d MiB", maxPage>>20)
	}
	if err != nil {
		return Page{}, fmt.Errorf("%s: %w", file, err)
	}
	return Page{URL: "file:" + file, Body: body, At: time.Now().UTC()}, nil
}

func gunzip(b []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(z, maxPage+1))
}
