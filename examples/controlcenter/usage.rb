# Asks Control Center itself for a device's usage, with rest-client and HTTP Basic.
#
#   ruby usage.rb URL USER KEY ICCID

require 'rest-client'

base, user, key, iccid = ARGV

begin
  response = RestClient::Request.execute(
    method: :get,
    url: "#{base}/rws/api/v1/devices/#{iccid}/usageInZone",
    user: user,
    password: key,
    headers: { accept: :json }
  )
rescue RestClient::ExceptionWithResponse => e
  response = e.response # an error has a body too
end
puts response.code
puts response.body
