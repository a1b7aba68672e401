FROM golang:1.26.8-alpine AS build
# The version that "matchwire --version" prints, such as the output of "git describe --always --dirty".
ARG VERSION
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath \
    -ldflags="-s -X github.com/matchwire/matchwire/internal/pipeline.version=${VERSION}" \
    -o /out/matchwire ./cmd/matchwire
# Docker gives a new volume the owner of the folder at which it is mounted. docker-compose.yml mounts
# a volume at each of these folders.
RUN cd /out && mkdir data secrets && cd secrets && \
    mkdir rabbitmq redis scheduler parser consumers fanout api gateway setup operator

# The program contains the time zones. It needs only the certificates of public authorities.
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/matchwire /matchwire
COPY --from=build --chown=65532:65532 /out/secrets /secrets
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/matchwire"]
CMD ["demo", "--listen", "0.0.0.0:8080"]
