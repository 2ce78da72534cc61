"""What the code of a page finds around it in its framework, as far as a token needs it. Each prints the answer."""

RUBY = """
begin
  require "jwt"
rescue LoadError
  require "openssl"
  require "json"
  module JWT
    def self.encode(claims, key, algorithm)
      raise ArgumentError, algorithm unless algorithm == "HS256"
      part = ->(bytes) { [bytes].pack("m0").tr("+/", "-_").delete("=") }
      text = [{ alg: algorithm, typ: "JWT" }, claims].map { |value| part.call(value.to_json) }.join(".")
      "#{text}.#{part.call(OpenSSL::HMAC.digest("SHA256", key, text))}"
    end
  end
end
require "json"
class ApplicationController
  User = Struct.new(:id)
  def current_user = ENV["USER_ID"].empty? ? nil : User.new(ENV["USER_ID"].to_i)
  def head(status) = puts(JSON.generate({ status: status }))
  def render(json:) = puts(JSON.generate(json))
end
module Rails
  Credentials = Struct.new(:orderbell_secret)
  Application = Struct.new(:credentials)
  def self.application = Application.new(Credentials.new(ENV["ORDERBELL_AUTH__SECRET"]))
end
PAGE
OrderbellTokensController.new.show
"""

PHP = r"""<?php
namespace Firebase\JWT {
    class JWT {
        static function encode(array $claims, string $key, string $algorithm): string {
            if ($algorithm !== 'HS256') throw new \Exception($algorithm);
            $part = fn ($bytes) => rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
            $text = $part(json_encode(['typ' => 'JWT', 'alg' => $algorithm])) . '.' . $part(json_encode($claims));
            return $text . '.' . $part(hash_hmac('sha256', $text, $key, true));
        }
    }
}
namespace Illuminate\Http {
    class Request {
        function user() { return getenv('USER_ID') ? $this : null; }
        function getKey() { return (int) getenv('USER_ID'); }
    }
}
namespace Illuminate\Support\Facades {
    class Route { static function get($path, $action) { echo json_encode($action(new \Illuminate\Http\Request)); } }
}
namespace {
    function config($key) { return getenv('ORDERBELL_AUTH__SECRET'); }
    function abort($status) { echo json_encode(['status' => $status]); exit; }
    eval(<<<'PAGE_ENDS'
PAGE
PAGE_ENDS);
}
"""
