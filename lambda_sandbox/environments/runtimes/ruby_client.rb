# frozen_string_literal: true

# The Runtime API client for Ruby: what loads and runs the handler inside an environment.
#
# Ruby's own libraries only. One keep-alive TCP connection carries everything; an answer and the request for the next event
# leave in one write. Source: AWS Lambda Developer Guide, "Building Lambda functions with Ruby" and "Using the Lambda
# runtime API", read 2026-11.

require 'json'
require 'logger'
require 'socket'
require 'stringio'

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

# How a Logger that writes to the log formats its lines, unless the function gives it a formatter.
module SandboxLog
  LEVELS = { 'TRACE' => Logger::DEBUG, 'DEBUG' => Logger::DEBUG, 'INFO' => Logger::INFO, 'WARN' => Logger::WARN,
             'ERROR' => Logger::ERROR, 'FATAL' => Logger::FATAL }.freeze
  PLACE = /\A(?<file>.+):(?<line>\d+):in [`'](?<method>.+)'\z/

  # One line of text, as Ruby's own with the id of the invocation.
  class Text < Logger::Formatter
    def call(severity, time, progname, message)
      stamp = format_datetime(time)
      id = SandboxLog.request_id
      line = "#{severity[0]}, [#{stamp} ##{Process.pid}] #{severity.rjust(5)} #{id} -- #{progname}: #{msg2str(message)}\n"
      SandboxLog.clean(line)
    end
  end

  # One JSON object a line.
  class Json < Logger::Formatter
    def call(severity, time, progname, message)
      text = message.is_a?(Exception) ? message.message : msg2str(message)
      line = { timestamp: time.utc.strftime('%Y-%m-%dT%H:%M:%S.%6NZ'), level: severity, message: SandboxLog.clean(text),
               requestId: SandboxLog.request_id, logger: progname.to_s.empty? ? nil : SandboxLog.clean(progname.to_s) }
      line.update(error_members(message)) if message.is_a?(Exception)
      "#{JSON.generate(line.compact)}\n"
    end

    private

    def error_members(error)
      trace = Array(error.backtrace).map { |frame| SandboxLog.clean(frame) }
      place = PLACE.match(trace.first.to_s)
      where = place ? "#{place[:file]}:#{place[:method]}:#{place[:line]}" : trace.first
      { errorType: error.class.to_s, errorMessage: SandboxLog.clean(error.message), stackTrace: trace, location: where }
    end
  end

  # Put before Logger's own constructor.
  module Constructor
    def initialize(device, *rest, **options)
      unless device.nil? || device == $stdout || device == $stderr
        super
        return
      end
      level = SandboxLog.level
      options = { level: level, **options } if level
      options[:formatter] ||= SandboxLog.json? ? Json.new : Text.new
      super(device || $stdout, *rest, **options) # AWS: without a device the lines go to the log as well
    end
  end

  class << self
    attr_accessor :request_id

    def json?
      ENV.fetch('AWS_LAMBDA_LOG_FORMAT', '').casecmp?('JSON')
    end

    # nil for a function without a level: then Logger's own counts.
    def level
      LEVELS[ENV.fetch('AWS_LAMBDA_LOG_LEVEL', '').upcase]
    end

    def clean(text)
      text.encode('UTF-8', invalid: :replace, undef: :replace, replace: "\uFFFD").scrub
    end
  end

  Logger.prepend(Constructor)
end

# One keep-alive connection; ends the process quietly when the sandbox hangs up.
class SandboxWire
  NEXT = "GET #{API}/invocation/next HTTP/1.1\r\nHost: #{HOST}\r\n\r\n"

  def initialize
    host, _, port = HOST.rpartition(':')
    @socket = TCPSocket.new(host, port.to_i)
    @socket.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1)
  end

  def post(path, body, error_type = nil, more: '', content_type: 'application/json')
    head = +"POST #{API}#{path} HTTP/1.1\r\nHost: #{HOST}\r\nContent-Type: #{content_type}\r\n"
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
         'existing Ruby source file FILENAME.rb, CLASS is an optional module/class namespace and METHOD is a callable ' \
         'method. If using CLASS, METHOD must be a class-level method.'
  CRITICAL_CODE = 255 # AWS: minus one
  INIT_CODE = 252 # AWS: minus four

  module_function

  def load_handler(name)
    parts = name.split('.')
    raise ArgumentError, format(FORM, parts) unless [2, 3].include?(parts.size)

    file, *middle, method = parts
    root = ENV.fetch('LAMBDA_TASK_ROOT')
    $LOAD_PATH.unshift(root) unless $LOAD_PATH.include?(root)
    require file
    receiver = middle.empty? ? TOPLEVEL_BINDING.receiver : Object.const_get(middle[0])
    ->(event, context) { receiver.send(method, event: event, context: context) }
  end

  # DIFFERS: the stack trace of a Ruby function ends with its own frames; on AWS those of Lambda's runtime client follow.
  def payload(error, place)
    own = (error.backtrace || []).take_while { |frame| !frame.start_with?(__FILE__) }.first(100)
    { errorMessage: error.message, errorType: "#{place}<#{error.class.name}>", stackTrace: own }
  end

  def report(wire, path, error, place, what, more: '')
    content = payload(error, place)
    $stdout.puts("#{what}\n#{JSON.pretty_generate(content)}")
    wire.post(path, JSON.generate(content), content[:errorType], more: more)
  end

  # AWS: what an IO holds is sent as it is, everything else as JSON.
  def send_result(wire, path, result)
    case result
    when StringIO, IO then wire.post(path, result.read, content_type: 'application/unknown', more: SandboxWire::NEXT)
    else wire.post(path, result.to_json, more: SandboxWire::NEXT)
    end
  end

  def answer(wire, handler, headers, body)
    path = "/invocation/#{headers['lambda-runtime-aws-request-id']}"
    send_result(wire, "#{path}/response", handler.call(JSON.parse(body), LambdaContext.new(headers)))
  rescue NameError => e
    give_up(wire, path, e)
  rescue StandardError => e
    report(wire, "#{path}/error", e, 'Function', 'Error raised from handler method', more: SandboxWire::NEXT)
  rescue Exception => e # rubocop:disable Lint/RescueException -- AWS: SystemExit, too
    give_up(wire, path, e)
  end

  # AWS: a name that there is not, and whatever is no StandardError, is told and ends the process.
  def give_up(wire, path, error)
    report(wire, "#{path}/error", error, 'Function', 'Critical exception from handler')
    wire.read
    exit!(CRITICAL_CODE)
  end

  def run
    $stdout.sync = $stderr.sync = true
    Encoding.default_external = Encoding::UTF_8
    wire = SandboxWire.new
    begin
      handler = load_handler(ENV.fetch('_HANDLER'))
    rescue Exception => e # rubocop:disable Lint/RescueException -- AWS: SystemExit, too
      report(wire, '/init/error', e, 'Init', 'Init error when loading handler ')
      wire.read
      exit!(INIT_CODE)
    end
    wire.request_next
    loop do
      headers, body = wire.read
      SandboxLog.request_id = headers['lambda-runtime-aws-request-id']
      ENV['_X_AMZN_TRACE_ID'] = headers['lambda-runtime-trace-id'] if headers['lambda-runtime-trace-id']
      answer(wire, handler, headers, body)
      wire.read
    end
  end
end

SandboxRuntime.run
