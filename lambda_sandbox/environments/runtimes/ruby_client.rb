# frozen_string_literal: true

# The Runtime API client for Ruby: what loads and runs the handler inside an environment.
#
# Ruby's own libraries only. One keep-alive TCP connection carries everything; an answer and the request for the next event
# leave in one write. Source: AWS Lambda Developer Guide, "Building Lambda functions with Ruby" and "Using the Lambda
# runtime API", read 2026-11.

require 'json'
require 'socket'

API = '/2018-06-01/runtime'
HOST = ENV.fetch('AWS_LAMBDA_RUNTIME_API')

# The handler's second argument.
class LambdaContext
  attr_reader :aws_request_id, :invoked_function_arn, :log_group_name, :log_stream_name, :function_name,
              :memory_limit_in_mb, :function_version, :identity, :client_context, :deadline_ms, :tenant_id

  def initialize(headers)
    @aws_request_id = headers['lambda-runtime-aws-request-id']
    @invoked_function_arn = headers['lambda-runtime-invoked-function-arn']
    @deadline_ms = headers['lambda-runtime-deadline-ms'].to_i
    @tenant_id = headers['lambda-runtime-aws-tenant-id']
    @identity = parsed(headers['lambda-runtime-cognito-identity'])
    @client_context = parsed(headers['lambda-runtime-client-context'])
    @log_group_name = ENV['AWS_LAMBDA_LOG_GROUP_NAME']
    @log_stream_name = ENV['AWS_LAMBDA_LOG_STREAM_NAME']
    @function_name = ENV['AWS_LAMBDA_FUNCTION_NAME']
    @memory_limit_in_mb = ENV['AWS_LAMBDA_FUNCTION_MEMORY_SIZE']
    @function_version = ENV['AWS_LAMBDA_FUNCTION_VERSION']
  end

  def get_remaining_time_in_millis # rubocop:disable Naming/AccessorMethodName -- AWS's name
    [0, @deadline_ms - (Time.now.to_f * 1000).to_i].max
  end

  private

  def parsed(header)
    header.nil? || header.empty? ? nil : JSON.parse(header)
  end
end

# One keep-alive connection; ends the process quietly when the sandbox hangs up.
class SandboxWire
  NEXT = "GET #{API}/invocation/next HTTP/1.1\r\nHost: #{HOST}\r\n\r\n"

  def initialize
    host, _, port = HOST.rpartition(':')
    @socket = TCPSocket.new(host, port.to_i)
    @socket.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1)
  end

  def post(path, body, error_type = nil, more: '')
    head = +"POST #{API}#{path} HTTP/1.1\r\nHost: #{HOST}\r\nContent-Type: application/json\r\n"
    head << "Lambda-Runtime-Function-Error-Type: #{error_type}\r\n" if error_type
    head << "Content-Length: #{body.bytesize}\r\n\r\n"
    @socket.write(head.b + body.b + more.b)
  end

  def request_next
    @socket.write(NEXT)
  end

  def read
    exit!(0) unless @socket.gets("\r\n")
    headers = {}
    while (line = @socket.gets("\r\n").to_s.chomp("\r\n")) != ''
      name, _, value = line.partition(':')
      headers[name.downcase] = value.strip.force_encoding('UTF-8')
    end
    [headers, @socket.read(headers['content-length'].to_i).to_s.force_encoding('UTF-8')]
  rescue SystemCallError, IOError
    exit!(0)
  end
end

# Finds the handler and runs events.
module SandboxRuntime
  FORM = 'Invalid handler %s, must be of form FILENAME.METHOD or FILENAME.CLASS.METHOD where FILENAME corresponds with an ' \
         'existing Ruby source file FILENAME.rb, CLASS is an optional module/class namespace and METHOD is a callable method.'

  module_function

  def load_handler(name)
    file, *middle, method = name.split('.')
    raise ArgumentError, format(FORM, name) if method.nil? || middle.size > 1

    require File.expand_path(file, ENV.fetch('LAMBDA_TASK_ROOT'))
    receiver = middle.empty? ? TOPLEVEL_BINDING.receiver : Object.const_get(middle[0])
    ->(event, context) { receiver.send(method, event: event, context: context) }
  end

  def payload(error, place)
    own = (error.backtrace || []).take_while { |frame| !frame.start_with?(__FILE__) }
    { errorMessage: error.message, errorType: "#{place}<#{error.class.name}>", stackTrace: own }
  end

  def report(wire, path, error, place, more: '')
    content = payload(error, place)
    what = place == 'Init' ? 'Init error when loading handler' : 'Error raised from handler method'
    $stdout.puts("#{what}\n#{JSON.pretty_generate(content)}")
    wire.post(path, JSON.generate(content), content[:errorType], more: more)
  end

  def answer(wire, handler, headers, body)
    path = "/invocation/#{headers['lambda-runtime-aws-request-id']}"
    result = handler.call(JSON.parse(body), LambdaContext.new(headers))
    wire.post("#{path}/response", JSON.generate(result), more: SandboxWire::NEXT)
  rescue ScriptError, StandardError, NoMemoryError, SystemStackError => e
    report(wire, "#{path}/error", e, 'Function', more: SandboxWire::NEXT)
  end

  def run
    $stdout.sync = $stderr.sync = true
    Encoding.default_external = Encoding::UTF_8
    wire = SandboxWire.new
    begin
      handler = load_handler(ENV.fetch('_HANDLER'))
    rescue ScriptError, StandardError => e
      report(wire, '/init/error', e, 'Init')
      wire.read
      exit!(1)
    end
    wire.request_next
    loop do
      headers, body = wire.read
      ENV['_X_AMZN_TRACE_ID'] = headers['lambda-runtime-trace-id']
      answer(wire, handler, headers, body)
      wire.read
    end
  end
end

SandboxRuntime.run
