FROM golang:1.26-alpine AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags=-s -o /matchwire ./cmd/matchwire

FROM alpine:3.22
RUN adduser -D matchwire
COPY --from=build /matchwire /usr/local/bin/matchwire
USER matchwire
EXPOSE 8080
ENTRYPOINT ["matchwire"]
CMD ["demo", "--listen", "0.0.0.0:8080"]
